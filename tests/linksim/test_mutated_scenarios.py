"""Text and values of any origin in a scenario or `--set`: a valid scenario, or one line."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.errors import FeedbackInputError
from linksim.errors import InputError
from linksim.scenario.file import apply_override, load_scenario, set_key, validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import points_of
from linksim.scenario.yaml_file import read_document
from tests.linksim.test_scenario_text import BASE, TEXT

_FRAGMENTS = st.sampled_from(
    ["&a ", "*a", "!!int ", "<<: ", "? ", "[", "]", "{", "}", "'", '"', "\\ud800", "\x1b", "- ", ": ", "1e999",
     "-.inf", ".nan", "null", "true", "\N{GRINNING FACE}", "\x00", "9" * 200, "|", ">", "#", "%YAML 9.9\n", "---\n",
     "...\n", "\t", "name", "sweeps", "{name: klt}", "[[[", "\n", "  ", "\u2028", "0x", "1:30", "=",
     "plugin: x.py:X", "\udcff"]
)  # fmt: skip
_KEYS = st.sampled_from(
    ["name", "seed", "channel", "channel.source", "channel.environment", "compressors", "compressors.0", "snr_db",
     "compressors.0.label", "compressors.0.name", "compressors.0.plugin", "compression_ratio", "feedback",
     "feedback.link", "feedback.quantiser", "estimation", "transform.n_delay", "sweeps", "sweeps.s", "metrics",
     "monte_carlo", "monte_carlo.stop", "training.recipe", "zoo", "precoder", "", ".", "a.b.c", "compressors.-1"]
)  # fmt: skip
_QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def _one_line_or_nothing(load: Callable[[], Scenario]) -> None:
    message = ""
    try:
        points_of(load())
    except (InputError, FeedbackInputError) as error:
        message = str(error) or "an empty\nmessage"
    assert len(message.splitlines()) <= 1
    assert len(message) < 3000


@_QUICK
@given(position=st.integers(0, len(TEXT)), cut=st.integers(0, 12), parts=st.lists(_FRAGMENTS | st.text(max_size=5)))
def test_mutated_scenarios(position: int, cut: int, parts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    text = TEXT[:position] + "".join(parts) + TEXT[position + cut :]
    file = tmp_path_factory.getbasetemp() / "mutated.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    _one_line_or_nothing(lambda: load_scenario(file))


@_QUICK
@given(key=_KEYS | st.text(max_size=8), parts=st.lists(_FRAGMENTS | st.text(max_size=5) | st.floats().map(str)))
def test_mutated_overrides(key: str, parts: list[str]) -> None:
    def load() -> Scenario:
        document = copy.deepcopy(BASE)
        apply_override(document, f"{key}={''.join(parts)}")
        return validate_scenario(document, "s.yaml")

    _one_line_or_nothing(load)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["klt", "name"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "s", "snr_db"]), inner),
    max_leaves=5,
)


@_QUICK
@given(key=_KEYS.filter(lambda key: key.strip(".") != "" and "-" not in key), value=_VALUES)
def test_any_value_anywhere(key: str, value: Any) -> None:
    def load() -> Scenario:
        document = copy.deepcopy(BASE)
        set_key(document, key, value)
        return validate_scenario(document, "s.yaml")

    _one_line_or_nothing(load)


def test_files_are_read_up_to_a_bound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 4000000 bytes"):
        read_document(Path("/dev/zero"))
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfname: x")
    assert read_document(tmp_path / "bom.yaml") == {"name": "x"}
