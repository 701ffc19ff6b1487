"""A first look at a scenario's text says what its workers will import, or nothing; it never is an error."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from linksim.execution.likely_imports import likely_imports
from linksim.scenario.file import load_scenario
from linksim.shipped_files import shipped_scenarios

SLOW = "channels.sources.sionna.models"


def test_guess_is_right_for_scenarios_that_ship() -> None:
    assert find_spec(SLOW) is not None
    sources = {file: load_scenario(file).channel.source for file in shipped_scenarios().glob("*.yaml")}
    assert "sionna" in sources.values()
    for file, source in sources.items():
        imports = likely_imports(file)
        assert imports is not None
        assert SLOW in imports or source != "sionna"


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (b"", []),
        (b"channel: {source: cost2100}", ["cost2100"]),
        (b"a:\n  - source: 'mat'\n  - source:   \"sionna\"", ["mat", "sionna"]),
        (b"resource: one\nsource: \xff", []),
    ],
)
def test_names_of_sources_in_any_text(text: bytes, sources: list[str], tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_bytes(text)
    assert likely_imports(file) == [f"channels.sources.{source}.models" for source in sources]


def test_a_file_that_cannot_be_read_is_for_others_to_tell(tmp_path: Path) -> None:
    assert likely_imports(tmp_path / "none.yaml") is None
    assert likely_imports(tmp_path) is None
