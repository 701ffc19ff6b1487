"""What holds for every figure of a run, whatever it varies and measures."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_run import VALUES, Sweeps, write_run
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from linksim.report.figures.distribution import draw_distributions
from linksim.report.figures.example import draw_example
from linksim.report.figures.of_a_run import Plan, figure_layouts
from linksim.report.view.curve_style import curve_styles
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.independence import flat_labels, largest_change
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import view_run
from linksim.report.view.style import paper_style
from linksim.scenario.axis import AXIS_COLUMNS, COMMON_AXES, OTHER_AXES, axis_of_column
from linksim.simulation.example_matrices import ExampleMatrices
from linksim.storage.sample_values import SampleValues

NAMES = ("hold", "ar", "kalman")
# What stands over an axis of numbers, in a panel for each of these, or as a curve.
COLUMNS = [axis.column for axis in (*COMMON_AXES, *OTHER_AXES)]


def plans(folder: Path, options: FigureOptions | None = None) -> list[Plan]:
    with paper_style():
        return list(figure_layouts(view_run(folder, options=options or FigureOptions(vector=False))))


def panels(plan: Plan) -> Iterator[Axes]:
    return (axes for axes in plan.figure.axes if axes.axison and axes.get_visible())


@pytest.mark.parametrize(
    ("column", "metrics"),
    [(column, ("nmse_db", "bits")) for column in COLUMNS]
    + list(itertools.product(["feedback.n_reports", "snr_db", "compression_ratio"], [("rho",), ("sgcs", "bits")])),
)
def test_what_depends_on_an_axis_is_drawn_over_it(column: str, metrics: tuple[str, ...], tmp_path: Path) -> None:
    values = (1.0, 2.0, 4.0, 8.0)
    scenario = {"name": "made_up", "sweeps": {} if column in AXIS_COLUMNS else {"s": {column: list(values)}}}
    drawn = plans(write_run(tmp_path, {"s": {column: values}}, scenario, metrics=metrics))
    label = axis_of_column(column).label
    assert any(axes.get_xlabel() == label for plan in drawn for axes in panels(plan))
    assert not [plan.name for plan in drawn if plan.name.endswith("_point")]


@pytest.mark.parametrize("chosen", [(name,) for name in VALUES])
@pytest.mark.parametrize("sweeps", [
    {"s": {"feedback.n_reports": (1.0, 2.0, 4.0)}},
    {"s": {"feedback.n_reports": (1.0, 2.0, 4.0), "speed_m_s": (0.0, 1.0)}},
    {"s": {"speed_m_s": (0.0, 1.0, 2.0), "feedback.predictor.name": NAMES}},
    {"s": {}},
])  # fmt: skip
def test_no_compressor_has_two_markers_on_the_line_of_a_single_value(
    sweeps: Sweeps, chosen: tuple[str, ...], tmp_path: Path
) -> None:
    scenario = {"name": "made_up", "sweeps": {"s": {axis: list(values) for axis, values in sweeps["s"].items()}}}
    folder = write_run(tmp_path, sweeps, scenario)
    if "feedback.predictor.name" in sweeps["s"]:
        # Nothing depends on the horizontal axis, but on the other.
        table = pd.read_csv(folder / "results.csv")
        of_name = table.groupby(["compressor", "metric", "feedback.predictor.name"], dropna=False)
        numbers = ["value", "ci_low", "ci_high"]
        table[numbers] = of_name[numbers].transform("first")
        table.to_csv(folder / "results.csv", index=False)
    for plan in plans(folder, FigureOptions(vector=False, metrics=chosen)):
        for axes in panels(plan):
            assert axes.has_data()
            if plan.name.endswith("_point"):
                heights = [
                    float(y) for line in axes.get_lines() if line.get_marker() in "xosD^vP" for y in line.get_ydata()
                ]
                assert len(heights) == len(set(heights))


def test_a_panel_without_a_curve_is_left_out_and_named(tmp_path: Path) -> None:
    sweeps: Sweeps = {"s": {"speed_m_s": (0.0, 1.0, 2.0), "feedback.predictor.name": NAMES}}
    scenario = {"name": "made_up", "sweeps": {"s": {axis: list(values) for axis, values in sweeps["s"].items()}}}
    folder = write_run(tmp_path, sweeps, scenario)
    table = pd.read_csv(folder / "results.csv")
    # As of codebooks, which report a precoder and no channel; rounding alone is no curve either.
    of_channels = table["metric"].str.contains("nmse|rho", regex=True) & (table["compressor"] == "topk")
    table[~of_channels].to_csv(folder / "results.csv", index=False)
    drawn = plans(folder)
    for plan in drawn:
        assert all(axes.has_data() for axes in panels(plan)), plan.name
    (errors,) = (plan for plan in drawn if plan.name == "s_nmse")
    titles = [axes.get_title() for axes in panels(errors) if axes.get_title()]
    # The error of the matrix, then that of the whole channel; letters without a gap.
    assert titles == ["(a) CsiNet", "(b) uncompressed", "(c) CsiNet"]
    assert "NMSE has nothing to draw, and no panel, for: uncompressed; top-k." in errors.caption


def test_distributions_of_rounding_alone_have_no_panel_and_the_channel_is_no_csi(tmp_path: Path) -> None:
    run = view_run(write_run(tmp_path, {"one_point": {}}), options=FigureOptions(only=("topk",)))
    rng = np.random.default_rng(1)
    columns = {
        ("topk", "nmse_db"): np.full((1, 20), 1e-15),
        ("topk", "rate_bps_hz"): rng.uniform(1, 5, (1, 20)),
        ("none", "rate_perfect_bps_hz"): rng.uniform(1, 5, (1, 20)),
        ("none", "ue_snr_db"): rng.uniform(0, 20, (1, 20)),
    }
    with paper_style():
        made = draw_distributions(run, SampleValues(np.ones(20), columns))
    assert made is not None
    layout, metrics = made
    assert metrics == ["ue_snr_db", "rate_bps_hz"]
    assert layout.lossless == ["topk"]
    assert layout.references == ["before any report", "perfect CSI"]
    snr, rate = (axes for axes in layout.figure.axes if axes.axison)
    (of_channel,), bound = snr.get_lines(), rate.get_lines()[-1]
    assert of_channel.get_color() != bound.get_color()
    assert of_channel.get_linestyle() != bound.get_linestyle()


def test_what_tables_round_away_still_is_a_change() -> None:
    values = {"same": (1e-3, 1e-3, 1e-3), "auto": (6.4e-5, 2.4e-7, 4.6e-4)}
    table = pd.DataFrame(
        {"n_rx": n_rx, "compressor": label, "metric": "bler", "value": value}
        for label, found in values.items()
        for n_rx, value in zip((2, 4, 8), found, strict=True)
    )
    bler = metric_text("bler")
    assert flat_labels(table, "n_rx", [], bler) == ["same"]
    assert largest_change(table, "n_rx", [], bler) == pytest.approx(4.6e-4 - 2.4e-7)
    assert largest_change(table[table["compressor"] == "same"], "n_rx", [], bler) == 0


@pytest.mark.parametrize("change", [0.0, 0.004])
def test_a_caption_says_how_little_an_axis_does(change: float, tmp_path: Path) -> None:
    sweeps: Sweeps = {"s": {"snr_db": (0.0, 10.0, 20.0), "channel.n_rx": (2.0, 4.0)}}
    scenario = {"name": "made_up", "sweeps": {"s": {axis: list(values) for axis, values in sweeps["s"].items()}}}
    folder = write_run(tmp_path, sweeps, scenario, metrics=("nmse_db",))
    table = pd.read_csv(folder / "results.csv")
    # The second axis adds 0.02 in made-up runs.
    table.loc[table["channel.n_rx"] == 4, "value"] += change - 0.02
    table.to_csv(folder / "results.csv", index=False)
    (plan,) = plans(folder)
    how = "differs by at most 0.004 dB over" if change else "is the same whatever"
    assert f"NMSE {how} the UE antennas." in plan.caption


@pytest.mark.parametrize("lost", [0.0, 0.01])
def test_a_caption_says_that_bars_allow_for_losses_that_none_met(lost: float, tmp_path: Path) -> None:
    folder = write_run(tmp_path, {"s": {"snr_db": (0.0, 10.0, 20.0)}}, metrics=("nmse_db", "rate_bps_hz"))
    table = pd.read_csv(folder / "results.csv")
    rates = table[table["metric"] == "nmse_db"].assign(metric="report_error_rate", value=lost, ci_low=0.0, ci_high=0.1)
    pd.concat([table, rates]).to_csv(folder / "results.csv", index=False)
    captions = {plan.name: plan.caption for plan in plans(folder)}
    for name in ("s_nmse", "s_rate"):
        assert ("where no report was lost, they allow for losses" in captions[name]) == (lost == 0)


def overlapping_titles(figure: Figure) -> list[tuple[str, str]]:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(axes.title.get_text(), axes.title.get_window_extent(renderer)) for axes in figure.axes if axes.axison]
    shown = [(text, box) for text, box in boxes if text]
    outside = [(text, "the edge") for text, box in shown if box.x0 < 0 or box.x1 > figure.bbox.x1]
    return outside + [
        (one, other) for (one, a), (other, b) in itertools.combinations(shown, 2) if a.padded(-0.5).overlaps(b)
    ]


@pytest.mark.parametrize("columns", [None, 2, 5])
@pytest.mark.parametrize(
    "labels",
    [("klt", "csinet"), ("context, memory 0.3", "context, memory 1.5", "klt, coded", "enhanced Type II, rank 4"),
     tuple(f"a_label_without_any_blank_{i:02}_and_on" for i in range(9))],
)  # fmt: skip
def test_titles_of_pictures_stand_apart(labels: tuple[str, ...], columns: int | None, tmp_path: Path) -> None:
    run = view_run(write_run(tmp_path, {"one_point": {}}), options=FigureOptions(columns=columns))
    run = replace(run, styles=curve_styles(labels), titles={})
    true = np.random.default_rng(0).standard_normal((8, 8)).astype(np.complex64)
    example = ExampleMatrices("one_point", {}, true, dict.fromkeys(labels, true * 0.5))
    with paper_style():
        assert overlapping_titles(draw_example(run, example)) == []


@pytest.mark.parametrize("column", ["feedback.link.modulation", "a.very_long_key_of_a_plug_in.of_the_users_own"])
def test_titles_of_panels_stand_apart(column: str, tmp_path: Path) -> None:
    values = ("qpsk", "a name of many words that is longer than", "16qam")
    sweeps: Sweeps = {"s": {"snr_db": (0.0, 10.0, 20.0, 30.0), column: values}}
    scenario = {"name": "made_up", "sweeps": {"s": {axis: list(found) for axis, found in sweeps["s"].items()}}}
    for plan in plans(write_run(tmp_path, sweeps, scenario, metrics=("nmse_db", "rate_bps_hz"))):
        assert overlapping_titles(plan.figure) == [], plan.name
