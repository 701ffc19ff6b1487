"""Mixtures: every sample is the one of its part, whatever range it is asked for in."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.source import SOURCES
from channels.sources.mixture import MixtureSource
from channels.sources.parameters.mixture import MixtureParameters

CPU = torch.device("cpu")
PARTS = [
    {"source": "cost2100", "environment": environment, "n_subcarriers": 64, "n_columns": 8}
    for environment in ("indoor", "outdoor")
]


def mixture(parts: list[dict[str, object]] = PARTS) -> MixtureSource:
    return MixtureSource(MixtureParameters(parts=parts), seed=5, device=CPU)  # type: ignore[arg-type]


@cache
def whole() -> torch.Tensor:
    """All samples that are looked at, drawn when a test first asks for them."""
    return mixture().read_truncated("test", 0, 40, 8)


def test_samples_are_those_of_the_parts_in_turn() -> None:
    for place, section in enumerate(PARTS):
        kind = SOURCES.get_class(section["source"])
        alone = kind(kind.Parameters.model_validate(section), seed=5, device=CPU)
        assert torch.equal(whole()[place::2], alone.read_truncated("test", 0, 20, 8))
    assert mixture().n_samples("train") is None


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 39), length=st.integers(1, 40))
def test_a_sample_is_the_same_in_every_range(start: int, length: int) -> None:
    stop = min(start + length, 40)
    assert torch.equal(mixture().read_truncated("test", start, stop, 8), whole()[start:stop])


def test_responses_and_matrices_are_of_the_same_channels() -> None:
    response = mixture().read("test", 3, 6, Snapshots()).response
    assert response.shape == (3, 1, 64, 8)
    # Truncation only takes energy away, and the transform keeps it.
    assert (whole()[3:6].abs().square().sum((1, 2)) <= response.abs().square().sum((1, 2, 3)) * (1 + 1e-5)).all()


def test_sections_survive_a_round_trip() -> None:
    parameters = MixtureParameters(parts=PARTS)  # type: ignore[arg-type]
    assert MixtureParameters.model_validate(parameters.model_dump(mode="json")) == parameters
    assert hash(parameters) == hash(MixtureParameters(parts=PARTS))  # type: ignore[arg-type]
    sections = parameters.model_dump(mode="json", exclude_defaults=True)["parts"]
    assert [section["source"] for section in sections] == ["cost2100", "cost2100"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"source": "elsewhere"}, "got the source 'elsewhere', expected one of cost2100"),
        ({"source": "mixture", "parts": PARTS}, "got the source 'mixture'"),
        ({"source": "cost2100", "speed": 3}, "cost2100.speed"),
    ],
)
def test_wrong_parts_are_refused(part: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MixtureParameters(parts=[PARTS[0], part])  # type: ignore[arg-type, list-item]


def test_parts_of_other_dimensions_are_refused() -> None:
    with pytest.raises(ChannelInputError, match=r"channel.parts: got 32 subcarriers .* expected 64"):
        mixture([PARTS[0], PARTS[1] | {"n_subcarriers": 32}])
