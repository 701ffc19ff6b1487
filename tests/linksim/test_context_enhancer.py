"""``linksim context-enhancer``: filters of the context codec from the sources of a document."""

import json
from pathlib import Path

import pytest

from feedback.enhancement.weights import read_weights
from linksim.errors import InputError
from linksim.preparation.context_enhancer import train_context_enhancer

TINY = """
name: tiny
samples: 3
held_out: 2
reports: 1
n_delay: 4
sources:
  indoor: {source: cost2100, environment: indoor, n_columns: 4, n_subcarriers: 64}
  outdoor: {source: cost2100, environment: outdoor, n_columns: 4, n_subcarriers: 64}
"""


def test_filters_say_what_they_are_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedback.enhancement.training._CHUNK", 4)
    (tmp_path / "tiny.yaml").write_text(TINY)
    out = tmp_path / "filters.safetensors"
    train_context_enhancer(tmp_path / "tiny.yaml", ["seed=5"], out, "the command", ["outdoor"])
    document = json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert read_weights(out)["real"].shape == (12, 1, 9, 5)
    assert (document["seed"], document["command"], list(document["sources"])) == (5, "the command", ["indoor"])
    # Of those left out, too.
    assert {gain["source"] for gain in document["gains"]} == {"indoor", "outdoor"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["samples=0"], r"tiny\.yaml: samples: got 0, expected"),
        (["nonsense=1"], "nonsense: unknown key"),
        (["sources.outdoor.n_columns=2"], r"sources\.outdoor: got 2 ports in 2 columns, expected one row of antennas"),
    ],
)
def test_documents_are_checked(overrides: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with pytest.raises(InputError, match=message):
        train_context_enhancer(tmp_path / "tiny.yaml", overrides, tmp_path / "a.safetensors", "")
    with pytest.raises(InputError, match="--without: got 'garden', expected one of indoor, outdoor"):
        train_context_enhancer(tmp_path / "tiny.yaml", [], tmp_path / "a.safetensors", "", ["garden"])
