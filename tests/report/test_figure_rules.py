"""Rules that figures and tables follow, on values whose right answer is known."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from linksim.errors import InputError
from linksim.report.view.axes import SweepAxes
from linksim.report.view.best import best_labels
from linksim.report.view.figure_options import FigureOptions, parse_limits, parse_palette, parse_size, parse_values
from linksim.report.view.independence import depends_on, flat_labels, vary_together
from linksim.report.view.limits import mark_outside, robust_limits
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import Sweep, view_sweeps
from linksim.report.view.ticks import log_ticks, set_log_ticks
from linksim.scenario.axis import AXIS_COLUMNS, COMMON_AXES, OTHER_AXES, axis_of_column
from linksim.scenario.paired_axes import axis_keys
from linksim.scenario.yaml_file import read_document

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
NMSE, RATE = metric_text("nmse_db"), metric_text("rate_bps_hz")


@pytest.mark.parametrize("base", [2, 10])
@pytest.mark.parametrize("low", [0.003, 1.0, 37.0, 1000.0, 3e6])
@pytest.mark.parametrize("stretch", [1.02, 1.1, 1.5, 2.5, 7.0, 60.0, 1e4, 1e9])
def test_a_logarithmic_axis_has_three_to_seven_labels_inside(base, low, stretch):
    ticks = log_ticks(low, low * stretch, base)
    assert 3 <= len(ticks) <= 10
    assert ticks == sorted(ticks)
    assert low * (1 - 1e-9) <= ticks[0] < ticks[-1] <= low * stretch * (1 + 1e-9)
    # Seven labels are a seventh of an axis apart; ticks that are even on a linear scale lie closer at its end.
    gaps = [math.log(right / left) / math.log(stretch) for left, right in itertools.pairwise(ticks)]
    assert min(gaps) > 0.06


@pytest.mark.parametrize("base", [2, 10])
@pytest.mark.parametrize("most", [4, 7])
def test_no_half_of_a_logarithmic_axis_is_without_a_label(base, most):
    rng = np.random.default_rng(1)
    # Of each length from a twentieth of a decade to eight decades.
    for length, offset in zip(rng.uniform(0.05, 8, 2000), rng.uniform(-4, 4, 2000), strict=True):
        low, high = 10.0**offset, 10.0 ** (offset + length)
        ticks = log_ticks(low, high, base, most)
        places = [math.log10(low), *map(math.log10, ticks), math.log10(high)]
        gaps = np.diff(places)
        assert len(ticks) >= 3
        assert gaps.min() > -1e-9
        # Rounding of logarithms below ten.
        assert gaps.max() <= 0.5 * length + 1e-8


def test_ticks_of_two_decades_and_a_half_reach_into_the_first():
    assert log_ticks(1.6e4, 8e6, 10) == [3e4, 1e5, 3e5, 1e6, 3e6]


def test_bits_of_half_an_octave_are_no_lone_number():
    axes = Figure().subplots()
    axes.set_xscale("log", base=2)
    axes.set_xlim(900, 1500)
    set_log_ticks(axes.xaxis, 2)
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert len(labels) >= 3
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("rivals", "references", "limits"),
    [
        # One reference far below: the rivals' ends.
        ({"topk": [-3, -5], "klt": [-6, -9]}, {"identity": [-44]}, (-9, -3)),
        ({"topk": [-3, -5], "klt": [-6, -9]}, {"identity": [-12]}, None),
        # Of a reference that falls away, what is within half a span of the rivals.
        ({"topk": [-3, -5], "klt": [-6, -9]}, {"identity": [-8, -11, -13, -44]}, (-11, -3)),
        # One rival of three; with two rivals, none is the odd one out, and one that is just better stays.
        ({"topk": [-3, -5], "klt": [-6, -9], "csinet": [-40, -41]}, {}, (-9, -3)),
        ({"topk": [-3, -5], "csinet": [-40, -41]}, {}, None),
        ({"topk": [-7, -21], "klt": [-3, -4], "csinet": [-5, -6]}, {}, None),
        # What is worse than no report by far.
        ({"topk": [53, -5], "klt": [-6, -9]}, {}, (-9, 10)),
        # A curve that falls is no outlier.
        ({"topk": [5, -1, -5, -8], "klt": [4, -2, -6, -9], "csinet": [3, -3, -7, -8]}, {}, None),
        ({}, {}, None),
        ({}, {"identity": [-44]}, None),
    ],
)
def test_limits_hold_all_but_far_curves(rivals, references, limits):
    assert robust_limits(NMSE, rivals, references) == limits


def test_a_mark_says_where_the_curve_is():
    axes = Figure().subplots()
    axes.set_ylim(-10, 0)
    marked = mark_outside(axes, {"far": ([-44.1, -30.0, -5.0], "black"), "near": ([-2.0], "red")}, NMSE)
    assert marked == ["far"]
    (text,) = axes.texts
    assert text.get_text() == "far \N{MINUS SIGN}30.0 to \N{MINUS SIGN}44.1"
    (arrow,) = axes.lines
    assert arrow.get_marker() == "v"


def rows(metric: str, **values: list[float]) -> pd.DataFrame:
    """Two speeds and two delays; a value each, the delay first."""
    return pd.DataFrame(
        [
            {"speed": speed, "delay": delay, "compressor": label, "metric": metric, "value": values[label][2 * s + d]}
            for label in values
            for s, speed in enumerate((1.0, 2.0))
            for d, delay in enumerate((0.0, 4.0))
        ]
    )


def test_what_an_axis_does_not_change_is_found_in_the_values():
    table = rows("nmse_db", klt=[-5.0, -6.0, -5.004, -6.004], csinet=[-7.0, -8.0, -7.0, -8.0])
    # 0.004 dB is less than half of the last digit shown.
    assert not depends_on(table, "speed", ["delay"], NMSE)
    assert depends_on(table, "delay", ["speed"], NMSE)
    assert depends_on(rows("nmse_db", klt=[-5.0, -6.0, -5.006, -6.0]), "speed", ["delay"], NMSE)
    # A single value of an axis says nothing of it.
    assert depends_on(table[table["speed"] == 1], "speed", ["delay"], NMSE)
    assert not depends_on(rows("nmse_db", klt=[-np.inf] * 4), "speed", ["delay"], NMSE)


def test_axes_that_vary_together_are_left_out_together():
    """As a loop that is off after one report and on after twenty: no point has the one without the other."""
    table = rows("sgcs", klt=[0.5, 0.5, 0.4, 0.4])
    table["reports"] = table["delay"].map({0.0: 1, 4.0: 20})
    assert vary_together(table, "delay", "reports")
    assert vary_together(table, "delay", "delay")
    assert not vary_together(table, "delay", "speed")
    speed, delay, reports = (axis_of_column(column) for column in ("speed", "delay", "reports"))
    sweep = Sweep("s", table, SweepAxes(speed, (delay, reports)), [], ["klt"]).reduced_to("sgcs")
    assert (sweep.varying, sweep.same_over, len(sweep.rows)) == ((speed,), (delay, reports), 2)
    table.loc[table["delay"] == 4.0, "value"] += 0.1
    assert Sweep("s", table, SweepAxes(speed, (delay, reports)), [], ["klt"]).reduced_to("sgcs").same_over == ()


def test_flat_schemes_are_those_that_never_change():
    table = rows("nmse_db", klt=[-5.0, -6.0, -5.5, -6.5], fixed=[-7.0, -8.0, -7.0, -8.0])
    assert flat_labels(table, "speed", ["delay"], NMSE) == ["fixed"]
    assert flat_labels(table, "delay", ["speed"], NMSE) == []


@pytest.mark.parametrize("other", [-20.0, -17.0])
def test_a_reference_that_differs_between_curves_is_none_of_all(other: float) -> None:
    """Two estimators as curves over the SNR: both see the same truncation, and each may have an error of its own."""
    values = {
        ("none", "estimation_nmse_db"): [-10.0, -20.0, -10.0, other],
        ("none", "truncation_nmse_db"): [-15.0] * 4,
        ("topk", "nmse_e2e_db"): [-9.0, -14.0, -9.0, -13.0],
    }
    rest = dict.fromkeys(AXIS_COLUMNS, math.nan)
    point = rest | {
        "sweep": "snr",
        "snr_db": [0.0, 10.0] * 2,
        "estimation": ["ls", "ls", "lmmse", "lmmse"],
        "unit": "dB",
    }
    table = pd.concat(
        pd.DataFrame({**point, "compressor": label, "metric": name, "value": value, "ci_low": value, "ci_high": value})
        for (label, name), value in values.items()
    )
    (sweep,) = view_sweeps(table.assign(n=100).reset_index(drop=True))
    assert sweep.compressors == ["ls", "lmmse"]
    references = set(sweep.rows.loc[sweep.rows["compressor"] == "none", "metric"])
    assert references == {"truncation_nmse_db"} | ({"estimation_nmse_db"} if other == -20 else set())


@pytest.mark.parametrize("compressors", [["etype2"], ["etype2", "klt"]])
def test_one_compressors_curves_stand_in_panels_of_what_else_varies(compressors: list[str]) -> None:
    estimates = ["perfect, pilot_symbols 1", "pilots, method ls"]
    points = itertools.product(compressors, (1, 4), estimates, (0.0, 10.0))
    table = pd.DataFrame(
        dict.fromkeys(AXIS_COLUMNS, math.nan)
        | {
            "sweep": "uplink",
            "compressor": label,
            "metric": "sgcs",
            "value": 0.5,
            "ci_low": 0.4,
            "ci_high": 0.6,
            "n": 9,
        }
        | {
            "feedback.link.bs_antennas": antennas,
            "feedback.link.channel_estimation": estimate,
            "feedback_snr_db": snr_db,
        }
        for label, antennas, estimate, snr_db in points
    )
    (sweep,) = view_sweeps(table.assign(unit="1"))
    if len(compressors) > 1:
        assert (sweep.compressors, len(sweep.panels), sweep.curves) == (compressors, 4, None)
        return
    assert sweep.compressors == estimates
    assert [panel.title for panel in sweep.panels] == ["Uplink antennas 1", "Uplink antennas 4"]
    assert sweep.curves is not None
    assert [sweep.curves.text(label) for label in estimates] == ["Uplink channel known", "LS from pilots"]


def result(value: float, half: float) -> pd.Series:
    return pd.Series({"value": value, "ci_low": value - half, "ci_high": value + half})


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"a": (-9.0, 0.2), "b": (-8.0, 0.2)}, {"a"}),
        ({"a": (-9.0, 0.6), "b": (-8.0, 0.6)}, set()),
        ({"a": (-9.0, 0.2), "b": (-8.9, 0.2), "c": (-5.0, 0.2)}, {"a", "b"}),
        ({"a": (-9.0, np.nan), "b": (-8.0, np.nan)}, {"a"}),
        ({"a": (-9.0, 0.2)}, set()),
    ],
)
def test_best_is_what_nothing_is_better_than(results, expected):
    assert best_labels(NMSE, {label: result(*entry) for label, entry in results.items()}) == expected


def test_one_sample_tells_nothing_apart():
    results = {"a": result(-9.0, np.nan), "b": result(-8.0, np.nan)}
    one = {label: pd.concat([row, pd.Series({"n": 1})]) for label, row in results.items()}
    assert best_labels(NMSE, one) == set()
    two = {label: pd.concat([row, pd.Series({"n": 2})]) for label, row in results.items()}
    assert best_labels(NMSE, two) == {"a"}


def test_paired_intervals_decide_where_there_are_samples():
    results = {"a": result(8.0, 0.5), "b": result(7.8, 0.5), "c": result(3.0, 0.5)}
    assert best_labels(RATE, results, lambda one, other: (0.1, 0.3)) == {"a"}
    assert best_labels(RATE, results, lambda one, other: (-0.1, 0.3)) == {"a", "b"}
    # Paired intervals are not asked for where plain ones are apart.
    assert best_labels(RATE, results, lambda one, other: None if other["value"] > 5 else (-1, 1)) == {"a", "b"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: parse_limits(["nmse_db=-20"]), "--limits: got 'nmse_db=-20', expected METRIC=LOW:HIGH"),
        (lambda: parse_limits(["nmse_db=0:-20"]), "lower end below"),
        (lambda: parse_limits(["nmse_db=0:inf"]), "finite"),
        (lambda: parse_size("3.5"), "--size: got '3.5', expected WIDTHxHEIGHT"),
        (lambda: parse_size("3.5x1e6"), "1 to 40 inches"),
        (lambda: parse_palette("pink"), "--palette: got 'pink', expected one of okabe-ito, "),
        (lambda: parse_values(["snr_db"]), "--at: got 'snr_db', expected KEY=VALUE"),
        (lambda: FigureOptions(only=("kltt",)).check_labels(["klt"]), "--only: got 'kltt', expected one of klt"),
        (lambda: FigureOptions(without=("klt",)).check_labels(["klt"]), "expected at least one"),
        (lambda: FigureOptions(metrics=("ber",)).check_metrics(["rho"]), "--metric: got 'ber', expected one of rho"),
    ],
)
def test_a_wrong_option_gives_one_line(call, expected):
    with pytest.raises(InputError) as caught:
        call()
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_read():
    assert parse_limits(["nmse_db=-20:0", "rho=0.5:1"]) == {"nmse_db": (-20.0, 0.0), "rho": (0.5, 1.0)}
    assert parse_size("3.5x2.5") == (3.5, 2.5)
    assert parse_values(["snr_db=10"]) == {"snr_db": "10"}
    assert FigureOptions(order=("c",), without=("a",)).ordered(["a", "b", "c"]) == ["c", "b"]


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_scenarios_sweep_has_a_name_in_figures(file):
    sweeps = read_document(file).get("sweeps", {})
    keys = {key for axes in sweeps.values() for axis in axes for key in axis_keys(axis)}
    assert [key for key in keys if axis_of_column(key).name == key] == []


def test_a_key_of_one_compressor_is_said_with_its_name():
    titles = ["enhanced Type II", "context codec"]
    assert axis_of_column("compressors.0.param_combination", titles).phrase(6.0) == (
        "enhanced Type II: parameter combination 6"
    )
    assert axis_of_column("compressors.1.quantiser.bits", titles).words == "context codec: quantiser bits"
    assert axis_of_column("compressors.2.width", titles).name == "compressor 3: width"


@pytest.mark.parametrize("axis", [*COMMON_AXES, *OTHER_AXES], ids=lambda axis: axis.column)
def test_names_of_axes_keep_their_abbreviations_in_sentences(axis):
    first = axis.name.split()[0]
    capitals = sum(letter.isupper() for letter in first)
    assert axis.words.split()[0] == (first if capitals > 1 else first.lower())
    assert axis.words.split()[1:] == axis.name.split()[1:]
