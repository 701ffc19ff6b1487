"""Keys of a sweep that go together."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from linksim.errors import InputError
from linksim.report.view.axes import sweep_axes
from linksim.report.view.scenario_summary import scenario_summary
from linksim.scenario.file import validate_scenario
from linksim.scenario.paired_axes import axis_steps
from linksim.scenario.sweep import points_of, replaced_links
from linksim.storage.results_table import read_results

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]


@pytest.mark.usefixtures("without_report")
def test_keys_that_go_together_are_one_axis(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    tiny["transform"]["scale_bits"] = 9
    tiny["compressors"] = [{"name": "klt"}]
    tiny["feedback"] = {"quantiser": {"name": "uniform", "bits": 4}}
    tiny["monte_carlo"]["samples"] = 20
    pairs = [[4, 2], [8, 4], [16, 8]]
    names = ["uniform", "lloyd_max"]
    tiny["sweeps"] = {
        "same_bits": {"compression_ratio, feedback.quantiser.bits": pairs, "feedback.quantiser.name": names}
    }
    code, _, error = command("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1")
    assert code == 0, error
    (file,) = (tmp_path / "out").rglob("results.csv")
    bits = pd.read_csv(file).query("metric == 'bits'")
    found = bits[["compression_ratio", "feedback.quantiser.bits", "feedback.quantiser.name"]].to_numpy().tolist()
    assert found == [[*pair, name] for pair, name in itertools.product(pairs, names)]
    # 2 x 8 x 8 / CR values of B bits with B = CR / 2, and the scale.
    assert set(bits["value"]) == {64 + 9}
    axes = sweep_axes(read_results(file.parent))
    assert axes.x is not None
    assert (axes.x.column, [axis.column for axis in axes.followers], [axis.column for axis in axes.panels]) == (
        "compression_ratio",
        ["feedback.quantiser.bits"],
        ["feedback.quantiser.name"],
    )
    words = dict(scenario_summary(tiny))["Sweep same_bits"]
    assert words.startswith("compression ratio 4, 8, 16 and bits per value 2, 4, 8; ")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"feedback.quantiser.bits": [2], "feedback.quantiser": [{"name": "uniform", "bits": 8}]},
            "sweeps.s: feedback.quantiser: got (name uniform, bits 8), which another axis makes (name uniform, bits 2)",
        ),
        (
            {"feedback.link.name": ["perfect"], "feedback_snr_db": [0, 10]},
            "sweeps.s: feedback.link.name: got perfect, which another axis makes awgn",
        ),
        (
            {"compressors.0.compression_ratio": [2], "compressors.0": [{"name": "klt", "compression_ratio": 8}]},
            "sweeps.s: compressors.0: got (name klt, compression_ratio 8), which another axis makes",
        ),
    ],
)
def test_axes_that_overwrite_each_other_are_refused(
    tiny: dict[str, Any], axes: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        points_of(validate_scenario({**tiny, "sweeps": {"s": axes}}, "s.yaml"))


def test_keys_below_a_section_are_set_after_it(tiny: dict[str, Any]) -> None:
    """Whichever comes first, and from point to point anew."""
    quantisers = [{"name": "uniform"}, {"name": "mu_law"}]
    pairs = [("feedback.quantiser.bits", [2, 3]), ("feedback.quantiser", quantisers)]
    for axes in (dict(pairs), dict(reversed(pairs))):
        points = points_of(validate_scenario({**tiny, "sweeps": {"s": axes}}, "s.yaml"))
        found = {
            (point.scenario.feedback.quantiser.name, getattr(point.scenario.feedback.quantiser, "bits", None))
            for point in points
        }
        assert found == {("uniform", 2), ("uniform", 3), ("mu_law", 2), ("mu_law", 3)}
        assert {point.axes["feedback.quantiser"] for point in points} == {"uniform", "mu_law"}


def test_several_keys_take_a_value_each() -> None:
    steps = axis_steps("s", "a.b , c", ((1.0, "x"), (2.0, {"name": "y"})))
    assert steps == [{"a.b": 1.0, "c": "x"}, {"a.b": 2.0, "c": {"name": "y"}}]
    assert axis_steps("s", "a", (1.0, "x")) == [{"a": 1.0}, {"a": "x"}]


@pytest.mark.parametrize(
    ("axis", "values", "message"),
    [
        ("a, b", (4.0,), r"sweeps.s.a, b: got 4.0, expected a list of 2 values, one for each key"),
        ("a, b", ((1.0, 2.0, 3.0),), r"got \[1.0, 2.0, 3.0\], expected a list of 2 values"),
        ("a", ((1.0, 2.0),), r"sweeps.s.a: got \[1.0, 2.0\], expected single values"),
        ("a,", ((1.0, 2.0),), "an empty key or one twice"),
        ("a, a", ((1.0, 2.0),), "an empty key or one twice"),
    ],
)
def test_wrong_values_are_named(axis: str, values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        axis_steps("s", axis, values)


@pytest.mark.parametrize(
    ("link", "axes", "swept_link", "said"),
    [
        ({"name": "perfect"}, {"feedback_snr_db": [3]}, "awgn", True),
        ({"name": "perfect"}, {"feedback_snr_db, snr_db": [[3, 1]]}, "awgn", True),
        ({"name": "perfect"}, {"feedback.link.name": ["awgn"], "feedback_snr_db": [3]}, "awgn", False),
        ({"name": "awgn", "snr_db": 0}, {"feedback_snr_db": [3]}, "awgn", False),
        ({"name": "perfect"}, {"snr_db": [3]}, "perfect", False),
    ],
)
def test_a_link_that_a_sweep_puts_in_place_of_another_is_said(
    tiny: dict[str, Any], link: dict[str, Any], axes: dict[str, Any], swept_link: str, said: bool
) -> None:
    scenario = validate_scenario(tiny | {"feedback": {"link": link}, "sweeps": {"noise": axes}}, "here")
    (point,) = points_of(scenario)
    assert point.scenario.feedback.link.name == swept_link
    line = "sweeps.noise: feedback_snr_db puts the link 'awgn' in place of 'perfect', which has no SNR"
    assert replaced_links(scenario) == ([line] if said else [])


def test_a_link_that_the_sweep_names_keeps_its_place(tiny: dict[str, Any]) -> None:
    tiny |= {"sweeps": {"feedback": {"feedback_snr_db": [0, 5], "feedback.link.name": ["uci"]}}}
    tiny["feedback"] = {"quantiser": {"name": "uniform", "bits": 4}, "link": {"name": "perfect"}}
    tiny["transform"] = tiny["transform"] | {"scale_bits": 8}
    points = points_of(validate_scenario(tiny, "named"))
    assert [(p.scenario.feedback.link.name, p.scenario.feedback.link.snr_db) for p in points] == [
        ("uci", 0),
        ("uci", 5),
    ]
