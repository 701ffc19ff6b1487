"""COST 2100: environments of one's own, and what is refused."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters


def source(**parameters: Any) -> Cost2100Source:
    return Cost2100Source(Cost2100Parameters(**parameters), seed=1, device=torch.device("cpu"))


@pytest.fixture
def environment_file(tmp_path: Path) -> Callable[..., str]:
    """Writes the indoor environment with one key changed (or removed)."""

    def write(key: str, value: Any) -> str:
        document = yaml.safe_load((files("channels.sources.cost2100") / "environments" / "indoor.yaml").read_text())
        *path, last = key.split(".")
        section = document
        for part in path:
            section = section[part]
        section[last] = value
        if value is ...:
            del section[last]
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump(document))
        return str(file)

    return write


def test_own_environment(environment_file: Callable[..., str]) -> None:
    own = source(environment=environment_file("rays_per_cluster", 5)).read_rays("test", 0, Snapshots())
    assert own.n_local == 10


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cell_radius_m", -1, "cell_radius_m: got -1, expected greater than 0"),
        ("carrier_hz", "fast", "carrier_hz: got 'fast', expected a valid number"),
        ("visibility_regions.transition_m", 5, "visibility_regions.transition_m: got 5.0, expected less than radius_m"),
        ("spreads.correlation", [[1, 2], [2, 1]], "spreads.correlation: got rows of [2, 2], expected 6 of 6"),
        ("local_clusters", ..., "local_clusters: missing, expected a value"),
        ("colour", "red", "colour: got 'red', expected"),
    ],
)
def test_bad_environment(environment_file: Callable[..., str], key: str, value: Any, message: str) -> None:
    file = environment_file(key, value)
    with pytest.raises(ChannelInputError) as raised:
        source(environment=file)
    assert str(raised.value).startswith(f"{file}: {message}")
    assert "\n" not in str(raised.value)


def test_unreadable_environments(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: !!python/object/apply:os.getcwd []")
    for name in ("attic", str(tmp_path), str(tmp_path / "broken.yaml")):
        with pytest.raises(ChannelInputError) as raised:
            source(environment=name)
        assert str(raised.value).startswith((f"{name}: ", f"environment: got {name!r} ("))
        assert "\n" not in str(raised.value)


def test_unknown_placement() -> None:
    with pytest.raises(
        ChannelInputError, match=r"^placement: got 'roof', expected one of csinet, paper \(environment indoor\)$"
    ):
        source(placement="roof")


@pytest.mark.parametrize("wrong", [{"line_of_sight": "los"}, {"n_columns": 0}, {"speed_m_s": -1}, {"colour": "red"}])
def test_bad_parameters(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Cost2100Parameters(**wrong)
