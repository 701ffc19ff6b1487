"""Operating points that a scenario joins to curves: figure, distances, page."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from made_up_run import AXES, write_run

from linksim.errors import InputError
from linksim.report.figures.of_a_run import Plan, figure_layouts
from linksim.report.html import write_report
from linksim.report.tables.rate_distortion import distance_table, distances
from linksim.report.view.curve_style import IDEAL
from linksim.report.view.rate_distortion import curves_styles, one_of_each_curve, parts_with_curves
from linksim.report.view.run_view import RunView, view_run
from linksim.report.view.style import paper_style
from linksim.simulation.reference_curves import gaussian_curve
from linksim.storage.reference_curves import (
    REFERENCE_CURVES_FILE,
    ReferenceCurve,
    read_reference_curves,
    write_reference_curves,
)

# Label: curve, bits, NMSE in dB (none for a precoder), SGCS.
POINTS = {
    "type1": ("Type I", 32.0, None, 0.6),
    "pc1": ("Enhanced Type II", 64.0, None, 0.7),
    "pc4": ("Enhanced Type II", 256.0, None, 0.8),
    "pc9": ("Enhanced Type II", 300.0, None, 0.75),
    "context 32": ("Context codec", 32.0, -4.0, 0.7),
    "context 128": ("Context codec", 128.0, -8.0, 0.8),
    "klt": (None, 128.0, -6.0, 0.7),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compressors = [
        {"name": "etype2" if label[0] == "p" else label.split()[0], "label": label}
        | ({"curve": curve} if curve else {})
        for label, (curve, *_) in POINTS.items()
    ]
    run = write_run(tmp_path / "run", {"one_point": {}}, {"name": "made_up", "compressors": compressors})
    rows = []
    for label, (_, *values) in POINTS.items():
        for metric, value in zip(("bits", "nmse_db", "sgcs"), values, strict=True):
            if value is not None:
                half = 0.0 if metric == "bits" else 0.01
                ends = {"ci_low": value - half, "ci_high": value + half}
                names = {"sweep": "base", "compressor": label, "metric": metric, "value": value, "n": 100, "unit": ""}
                rows.append(AXES | names | ends)
    pd.DataFrame(rows).to_csv(run / "results.csv", index=False)
    return run


def test_the_figure_joins_the_points_of_a_curve(folder):
    run = view_run(folder)
    assert len(parts_with_curves(run, run.sweeps[0])) == 1
    with paper_style():
        (plan,) = (plan for plan in figure_layouts(run) if plan.name.endswith("equal_bits"))
    nmse, sgcs = plan.figure.axes
    curves = [line for line in sgcs.get_lines() if line.get_linestyle() != "None"]
    lines = {tuple(line.get_xdata()): tuple(line.get_ydata()) for line in curves}
    assert lines[64, 256] == (0.7, 0.8)
    assert lines[32, 128] == (0.7, 0.8)
    # What 256 bits do better is faint, and belongs to no line.
    assert [line.get_xdata()[0] for line in sgcs.get_lines() if line.get_alpha() == 0.35] == [300]
    assert all(64 not in line.get_xdata() for line in nmse.get_lines())
    assert "NMSE is not defined for what reports a precoder: Type I, Enhanced Type II." in plan.caption


def test_a_distribution_has_one_point_of_each_curve_by_its_bits(folder):
    """The middle between 32 and 300 bits is 98: 64 and 128 are nearest to it."""
    run = view_run(folder)
    shown = one_of_each_curve(run, run.sweeps[0])
    assert {label: shown.title(label) for label in shown.styles} == {
        "type1": "Type I, 32 bits",
        "pc1": "Enhanced Type II, 64 bits",
        "context 128": "Context codec, 128 bits",
        "klt": "klt, 128 bits",
    }
    assert shown.styles["pc1"] == curves_styles(run)["Enhanced Type II"]


def test_distances_are_those_from_the_first_curve(folder):
    table = distance_table(distances(view_run(folder))).set_index(["metric", "curve"])
    sgcs = table.loc[("sgcs", "Context codec")]
    assert sgcs["reference"] == "Enhanced Type II"
    assert sgcs["bits_ratio"] == pytest.approx(0.5)
    # Half of the bits is one octave, on curves of 0.05 an octave.
    assert sgcs["gain"] == pytest.approx(0.05)
    assert (sgcs["bits_from"], sgcs["bits_to"]) == pytest.approx((64, 128))
    # One point makes no curve, and what has no NMSE is no reference for it.
    assert table.loc[("nmse_db", "klt"), "reference"] == "Context codec"
    assert pd.isna(table.loc[("nmse_db", "klt"), "gain"])


@pytest.mark.usefixtures("without_figures")
def test_page_and_table_have_the_distances(folder):
    page = write_report(folder).read_text(encoding="utf-8")
    assert "SGCS, against Enhanced Type II" in page
    assert "\N{MINUS SIGN}50 %" in page
    assert pd.read_csv(folder / "equal_bits.csv")["bits_ratio"].dropna().tolist() == pytest.approx([0.5])


@pytest.mark.usefixtures("without_figures")
def test_runs_without_curves_are_as_before(tmp_path):
    run = view_run(write_run(tmp_path / "plain", {"one_point": {}}))
    assert not parts_with_curves(run, run.sweeps[0])
    assert distance_table(distances(run)).empty
    write_report(run.folder)
    assert not (run.folder / "equal_bits.csv").exists()


def test_what_has_a_name_gets_panels_of_its_own_and_a_number_none(folder):
    table = pd.read_csv(folder / "results.csv")
    file = folder / "scenario.yaml"
    swept = {"sweeps": {"base": {"estimation.name": ["ls", "perfect"]}}}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | swept), encoding="utf-8")
    named = [table.assign(**{"estimation.name": name}) for name in ("ls", "perfect")]
    pd.concat(named).to_csv(folder / "results.csv", index=False)
    run = view_run(folder)
    with paper_style():
        (plan,) = (plan for plan in figure_layouts(run) if plan.name.endswith("equal_bits"))
    assert len(plan.figure.axes) == 4
    table_of_both = distance_table(distances(run))
    assert list(table_of_both["part"].unique()) == [part.title for part in parts_with_curves(run, run.sweeps[0])]
    pd.concat([table, table.assign(snr_db=20.0)]).to_csv(folder / "results.csv", index=False)
    assert not parts_with_curves(view_run(folder), view_run(folder).sweeps[0])


def test_numbers_of_users_get_panels_and_perfect_csi_is_a_level(folder):
    table = pd.read_csv(folder / "results.csv")
    rates = table[table["metric"] == "sgcs"].assign(metric="cell_rate_bps_hz")
    perfect = rates.iloc[:1].assign(
        compressor="none", metric="cell_rate_perfect_bps_hz", value=9.0, ci_low=9.0, ci_high=9.0
    )
    whole = pd.concat([table, rates, perfect])
    swept = [whole.assign(**{"multi_user.users": users}) for users in (4.0, 8.0)]
    pd.concat(swept).to_csv(folder / "results.csv", index=False)
    file = folder / "scenario.yaml"
    added = {"sweeps": {"base": {"multi_user.users": [4, 8]}}}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | added), encoding="utf-8")
    with paper_style():
        (plan,) = (plan for plan in figure_layouts(view_run(folder)) if plan.name.endswith("equal_bits"))
    assert [axes.get_ylabel() for axes in plan.figure.axes].count("Sum rate of a cell [bit/s/Hz]") == 2
    levels = [list(line.get_ydata()) for axes in plan.figure.axes for line in axes.get_lines()]
    assert levels.count([9.0, 9.0]) == 2
    assert "Curves without markers: perfect CSI." in plan.caption
    # Bits are written where no panel lies below, and nowhere without their numbers.
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in plan.figure.axes if axes.axison]
    assert labelled == [axes.get_xlabel() != "" for axes in plan.figure.axes if axes.axison]
    assert labelled == [False] * 3 + [True] * 3


def over_snr(folder: Path, labels: list[str]) -> RunView:
    """The run with a sweep over the SNR beside its points, of these compressors, their bits a little different."""
    table = pd.read_csv(folder / "results.csv")
    own = table[table["compressor"].isin(labels)]
    numbers = ["value", "ci_low", "ci_high"]
    swept = [
        own.assign(sweep="snr", snr_db=snr_db, **{name: own[name] * (1 + snr_db / 1e3) for name in numbers})
        for snr_db in (0.0, 20.0)
    ]
    pd.concat([table, *swept]).to_csv(folder / "results.csv", index=False)
    file = folder / "scenario.yaml"
    added = {"sweeps": {"base": {}, "snr": {"snr_db": [0, 20]}}}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | added), encoding="utf-8")
    return view_run(folder)


def test_a_system_looks_the_same_over_the_bits_and_over_the_snr(folder):
    run = over_snr(folder, ["type1", "pc4", "context 128", "klt"])
    curves = curves_styles(run)
    assert run.styles["pc4"] == curves["Enhanced Type II"]
    assert run.styles["context 128"] == curves["Context codec"]
    assert len(set(curves.values())) == len(curves)


def test_two_points_of_a_curve_in_one_figure_look_different(folder):
    run = over_snr(folder, ["pc1", "pc4"])
    assert run.styles["pc1"] != run.styles["pc4"]


def test_bits_that_follow_the_snr_are_no_operating_points(folder):
    run = over_snr(folder, ["context 128", "klt"])
    with paper_style():
        names = {plan.name for plan in figure_layouts(run)}
    assert "snr_nmse" in names
    assert not any(name.startswith("snr") and name.endswith("bits") for name in names)


WHITE = 64
TITLE = "Gaussian source, ideal code (no bound)"


@pytest.fixture
def with_reference(folder: Path) -> Path:
    """Beside the curves, that of 64 coefficients of one variance: 3.01 dB for each 64 bits."""
    bits, values = gaussian_curve(torch.full((WHITE,), 2.0))
    point = ("base", {"snr_db": 10.0, "feedback_snr_db": None, "seed": 3})
    curve = ReferenceCurve("gaussian_source", "nmse_db", 5000, WHITE, bits, values, (point,))
    write_reference_curves(folder, [curve])
    return folder


def equal_bits_of(folder: Path) -> Plan:
    with paper_style():
        (plan,) = (plan for plan in figure_layouts(view_run(folder)) if plan.name.endswith("equal_bits"))
    return plan


def test_a_reference_is_drawn_as_far_as_there_are_points(with_reference: Path) -> None:
    plan = equal_bits_of(with_reference)
    nmse, sgcs = plan.figure.axes
    (line,) = (line for line in nmse.get_lines() if line.get_color() == IDEAL.colour)
    assert line.get_marker() == ""
    bits, values = (np.asarray(data, float) for data in line.get_data())
    # Compressors with an NMSE take 32 to 128 bits.
    assert (bits[0], bits[-1]) == (32, 128)
    known = np.isin(np.log2(bits) * 4 % 1, 0)
    assert known.sum() == 9
    assert values[known] == pytest.approx(-10 * math.log10(2) * bits[known] / WHITE)
    assert all(line.get_color() != IDEAL.colour for line in sgcs.get_lines())
    assert f"Curves without markers: {TITLE}." in plan.caption
    assert "covariance of 5000 training channels" in plan.caption
    assert "It bounds no code for channels, which are not Gaussian" in plan.caption
    assert "lies too low" not in plan.caption
    (curve,) = read_reference_curves(with_reference)
    write_reference_curves(with_reference, [replace(curve, channels=WHITE - 1)])
    assert "fewer than the 64 entries of each, so that it lies too low" in equal_bits_of(with_reference).caption


@pytest.mark.usefixtures("without_figures")
def test_a_reference_has_its_distance_in_the_table(with_reference: Path) -> None:
    table = distance_table(distances(view_run(with_reference))).set_index(["metric", "curve"])
    row = table.loc[("nmse_db", TITLE)]
    assert row["reference"] == "Context codec"
    assert (row["bits_from"], row["bits_to"]) == pytest.approx((32, 128))
    # Means over log2 b from 5 to 7: of b it is (128 - 32) / (2 ln 2), of the codec's -4 to -8 dB it is -6.
    ideal = 10 * math.log10(2) / WHITE * 96 / (2 * math.log(2))
    # What the monotone cubic makes of an exponential between points a quarter of an octave apart.
    assert row["gain"] == pytest.approx(ideal - 6, abs=2e-3)
    assert ("sgcs", TITLE) not in table.index
    assert TITLE in write_report(with_reference).read_text(encoding="utf-8")


def test_a_reference_of_other_points_is_not_drawn(with_reference: Path) -> None:
    (curve,) = read_reference_curves(with_reference)
    write_reference_curves(with_reference, [replace(curve, points=(("base", {"snr_db": 20.0}),))])
    assert TITLE not in equal_bits_of(with_reference).caption
    write_reference_curves(with_reference, [])
    assert read_reference_curves(with_reference) == []
    assert TITLE not in equal_bits_of(with_reference).caption


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"curves": []}', "half"])
def test_a_damaged_reference_is_one_line(with_reference: Path, damage: str) -> None:
    file = with_reference / REFERENCE_CURVES_FILE
    text = file.read_text()
    file.write_text(text[: len(text) // 2] if damage == "half" else damage)
    with pytest.raises(InputError, match=r"reference_curves.json: cannot be read \(.*\), expected what") as refused:
        view_run(with_reference).reference_curves  # noqa: B018 - read when asked for
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "change", [{"bits": [2.0, 1.0]}, {"bits": [1.0]}, {"values": [0.0, float("nan")]}, {"values": "no"}], ids=str
)
def test_numbers_that_are_no_curve_are_refused(change: dict[str, object]) -> None:
    whole = {"name": "gaussian_source", "metric": "nmse_db", "channels": 3, "dimensions": 8, "points": [["base", {}]]}
    whole |= {"bits": [1.0, 2.0], "values": [-1.0, -2.0]}
    assert ReferenceCurve.of(whole).bits == (1.0, 2.0)
    with pytest.raises(ValueError, match=r"no curve|do not rise|could not convert"):
        ReferenceCurve.of(whole | change)
