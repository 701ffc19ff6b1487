import re
import zlib
from io import BytesIO
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from made_up_run import SWEEPS, write_run
from matplotlib.figure import Figure

import linksim
from linksim.execution.executor import InProcess
from linksim.report import draw_figures
from linksim.report.figures.bits import draw_bits
from linksim.report.figures.curves import XPositions, draw_curves
from linksim.report.figures.of_a_run import figure_layouts
from linksim.report.figures.sweep import draw_metrics
from linksim.report.page_parts import page_parts
from linksim.report.tables.sweep import sweep_tables
from linksim.report.view.axes import Axis
from linksim.report.view.curve_style import curve_styles
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import view_run
from linksim.report.view.style import STYLE, paper_style

EXPECTED = {
    "overview",
    *(f"over_snr_{name}" for name in ("nmse", "rho", "sgcs", "rate")),
    *(f"over_feedback_{name}" for name in ("nmse", "rate")),
    *(f"over_ratio_{name}" for name in ("nmse", "rho", "rate", "nmse_bits")),
    *(f"over_mobility_{name}" for name in ("rate", "nmse")),
    "one_point_point",
}


# Of figures outside the tests, read before a fixture sets another.
FONT_TYPE = STYLE["pdf.fonttype"]

# What a file is named and shows does not depend on the PDFs, which take as long as everything else.
RASTER = FigureOptions(vector=False)


@pytest.mark.usefixtures("without_layout")
def test_every_sweep_gets_the_figures_of_its_axes(tmp_path):
    paths = draw_figures(write_run(tmp_path), RASTER)
    assert {path.name for path in paths} == {f"{stem}.png" for stem in EXPECTED}
    assert all(path.parent == tmp_path / "figures" for path in paths)
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 5000


class TwoWorkers(InProcess):
    """Gets a report in the parts that two workers would share."""

    local_workers = 2


@pytest.fixture(scope="module")
def drawn_twice(tmp_path_factory: pytest.TempPathFactory) -> list[list[Path]]:
    sweeps = {"over_snr": SWEEPS["over_snr"]}
    metrics = ("nmse_db", "rate_bps_hz", "rate_loss_bps_hz")
    here, there = (write_run(tmp_path_factory.mktemp("run"), sweeps, metrics=metrics) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STYLE, "pdf.fonttype", FONT_TYPE)
        parts = page_parts(view_run(there), TwoWorkers())
        return [draw_figures(here), [file for drawing in parts.drawings for file in drawing.files]]


def test_figures_are_png_and_pdf_with_truetype_fonts(drawn_twice):
    files = {path.name: path.read_bytes() for path in drawn_twice[0]}
    stems = {Path(name).stem for name in files}
    assert stems == {"over_snr_nmse", "over_snr_rate"}
    assert set(files) == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "pdf")}
    for stem in stems:
        pdf = files[f"{stem}.pdf"]
        assert pdf.startswith(b"%PDF")
        assert len(pdf) > 5000
        assert b"/FontFile2" in pdf
        assert b"/Type3" not in pdf
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
        fonts = [TTFont(BytesIO(data)) for data in map(inflated, streams) if data.startswith(b"\x00\x01\x00\x00")]
        assert fonts
        for font in fonts:
            # Outlines, widths and hints; nothing that makes glyphs of characters.
            assert {"glyf", "loca", "head", "hhea", "hmtx", "maxp", "fpgm"} <= set(font.keys())
            assert {"GSUB", "GPOS", "GDEF"}.isdisjoint(font.keys())


def inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


@pytest.mark.usefixtures("without_layout")
def test_workers_make_the_same_parts(tmp_path):
    metrics = ("nmse_db", "rate_bps_hz", "bits")
    folder = write_run(tmp_path, {"over_ratio": SWEEPS["over_ratio"]}, metrics=metrics)
    run = view_run(folder, options=RASTER)
    assert page_parts(run, TwoWorkers()) == page_parts(run)


def test_redrawing_gives_the_same_bytes_whoever_draws(drawn_twice):
    first, second = drawn_twice
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.usefixtures("without_layout")
def test_an_unfinished_run_draws_what_it_has(tmp_path):
    folder = write_run(tmp_path, {"over_snr": SWEEPS["over_snr"], "over_mobility": SWEEPS["over_mobility"]})
    (folder / "manifest.json").unlink()
    table = pd.read_csv(folder / "results.csv")
    missing = (table["compressor"] == "csinet") & (table["snr_db"] == 20) | (table["sweep"] == "over_mobility") & (
        table["feedback_delay_s"] > 0
    )
    table[~missing & (table["metric"] != "sgcs")].to_csv(folder / "results.csv", index=False)
    stems = {path.stem for path in draw_figures(folder, RASTER)}
    assert stems == {
        "overview",
        *(f"over_snr_{name}" for name in ("nmse", "rho", "rate")),
        *(f"over_mobility_{name}" for name in ("rate", "nmse")),
    }


def test_a_perfect_link_and_named_values_have_a_place_on_the_axis(tmp_path):
    folder = write_run(
        tmp_path,
        {"feedback": {"feedback_snr_db": (0.0, 10.0, float("nan"))}, "precoder": {"precoder.name": ("mrt", "subband")}},
        {"name": "made_up", "sweeps": {"precoder": {"precoder.name": ["mrt", "subband"]}}},
        metrics=("nmse_db",),
    )
    assert {path.stem for path in draw_figures(folder, RASTER)} == {"feedback_nmse", "precoder_nmse"}


@pytest.mark.parametrize(("value", "text"), [
    (90210.0, "90210"), (90211.0, "90211"), (2e10, "2e+10"), (0.833, "0.833"), (1e-5, "1e\N{MINUS SIGN}05"),
    (1 / 3, "0.333333333"),
])  # fmt: skip
def test_values_of_axes_are_written_so_that_they_differ(value: float, text: str) -> None:
    assert Axis("x", "Seed").text(value) == text


def test_tables_take_columns_by_what_is_stored(tmp_path: Path) -> None:
    seeds = (90210.0, 90211.0, 90213.0)
    folder = write_run(tmp_path, {"seeds": {"seed": seeds}}, {"name": "s", "sweeps": {"seeds": {"seed": list(seeds)}}})
    (table,) = sweep_tables(view_run(folder), ["rate_bps_hz"])
    assert table.columns == ["90210", "90211", "90213"]
    shown = {row.label: [cell.value for cell in row.cells] for row in table.blocks[0].rows}
    # Made-up runs add 0.01 at each value of an axis.
    assert shown["topk"] == ["7.500", "7.510", "7.520"]


def test_error_rates_are_drawn_on_a_logarithmic_scale_without_zeros():
    axes = Figure().subplots()
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "value": [0.5, 0.01, 0.0], "ci_low": 0.0, "ci_high": 0.6})
    rows = rows.assign(compressor="klt", metric="report_error_rate")
    axis = Axis("x", "SNR", "dB")
    drawn, lossless = draw_curves(
        axes, rows, metric_text("report_error_rate"), curve_styles(["klt"]), XPositions(axis, [0.0, 1.0, 2.0])
    )
    assert (drawn, lossless) == (["klt"], [])
    assert axes.get_yscale() == "log"
    assert list(axes.containers[0].lines[0].get_ydata()) == [0.5, 0.01]


def test_names_from_outside_stay_inside_the_folder_and_are_no_mathematics(tmp_path):
    names = ("identity", r"_$\frac{a$_", "$x^")
    folder = write_run(tmp_path / "run", {"../../up": {"snr_db": (0.0, 10.0)}}, compressors=names, metrics=("nmse_db",))
    paths = draw_figures(folder, RASTER)
    assert paths
    assert all(path.resolve().parent == (folder / "figures").resolve() for path in paths)
    assert not (tmp_path / "up_nmse.png").exists()


def test_a_compressor_looks_the_same_whatever_else_is_in_the_sweep():
    labels = [f"c{i}" for i in range(8)]
    table = curve_styles(labels)
    assert len({(style.colour, style.marker) for style in table.values()}) == len(labels)
    # Black-and-white print has markers and line styles only.
    assert len({(style.marker, str(style.line)) for style in table.values()}) == len(labels)
    without = curve_styles(["identity", *labels])
    assert {label: without[label] for label in labels} == table


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    draw_figures(write_run(tmp_path, {"one_point": {}}))
    assert dict(matplotlib.rcParams) == before
    # pyplot keeps figures and settings of its own, for the whole process.
    modules = [path.read_text() for path in Path(linksim.__file__).parent.rglob("*.py")]
    assert not any("pyplot" in text for text in modules)


def test_predictors_are_curves_and_compressors_panels(tmp_path):
    sweeps = {"p": {"speed_m_s": (0.0, 1.0, 2.0, 3.0), "feedback.predictor.name": ("hold", "ar", "kalman")}}
    run = view_run(write_run(tmp_path, sweeps, {"name": "made_up", "sweeps": sweeps_as_lists(sweeps)}))
    (sweep,) = run.sweeps
    assert sweep.compressors == ["hold", "ar", "kalman"]
    assert [panel.title for panel in sweep.panels] == ["uncompressed", "top-k", "CsiNet"]
    for panel, rate in zip(sweep.panels, (8.25, 7.5, 8.0), strict=True):
        rows = panel.rows[panel.rows["metric"] == "rate_bps_hz"]
        expected = [rate + 0.01 * place + 0.02 * predictor for place in range(4) for predictor in range(3)]
        assert sorted(rows["value"]) == pytest.approx(sorted(expected))
        # The bound of all compressors, once for each speed.
        assert (panel.rows["metric"] == "rate_perfect_bps_hz").sum() == 4
    styles = [run.styles[name] for name in sweep.compressors]
    assert len({style.colour for style in styles}) == 3


def sweeps_as_lists(sweeps):
    return {name: {axis: list(values) for axis, values in axes.items()} for name, axes in sweeps.items()}


def test_named_axes_are_panels_in_their_order(tmp_path):
    sweeps = {"noise": {"feedback_snr_db": (0.0, 10.0, 20.0, 30.0), "feedback.denoiser.name": ("none", "dnnnet", "ab")}}
    scenario = {"name": "made_up", "sweeps": sweeps_as_lists(sweeps)}
    (sweep,) = view_run(write_run(tmp_path, sweeps, scenario)).sweeps
    assert [panel.title for panel in sweep.panels] == ["Denoiser none", "Denoiser DNNNet", "Denoiser ab"]


def test_bits_have_a_panel_for_each_name_and_a_line_of_the_best(tmp_path):
    sweeps = {
        "bits": {
            "compression_ratio": (4.0, 8.0, 16.0),
            "feedback.quantiser.bits": (2.0, 4.0),
            "feedback.quantiser.name": ("uniform", "lloyd_max"),
        }
    }
    scenario = {"name": "made_up", "sweeps": sweeps_as_lists(sweeps)}
    run = view_run(write_run(tmp_path, sweeps, scenario))
    # Reports of half the values at twice the bits are as long, and 0.01 dB worse for each step of the ratio.
    rows = run.sweeps[0].rows
    longer = (rows["metric"] == "bits") & (rows["feedback.quantiser.bits"] == 4)
    rows.loc[longer, "value"] *= 2
    rows.loc[(rows["metric"] == "nmse_db") & (rows["feedback.quantiser.bits"] == 4), "value"] -= 0.02
    with paper_style():
        layout = draw_bits(run, run.sweeps[0], ["nmse_db"])
    assert layout is not None
    panels = [axes for axes in layout.figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["(a) Quantiser uniform", "(b) Quantiser Lloyd-Max"]
    style = run.styles["csinet"]
    for axes in panels:
        lines = [line for line in axes.get_lines() if line.get_marker() == style.marker]
        faint, best = (next(line for line in lines if (line.get_alpha() or 1) == alpha) for alpha in (0.35, 1))
        # csinet's 2048 bits x 4 / ratio, twice of it at 4 bits a value.
        assert faint.get_xdata().tolist() == [1024, 2048]
        assert best.get_xdata().tolist() == [512, 1024, 2048, 4096]


@pytest.mark.parametrize("axis", ["snr_db", "feedback_snr_db"])
def test_no_curve_over_bits_is_of_several_snrs(axis, tmp_path):
    """A system chooses how it spends bits, not its SNR: the best of several would be the highest."""
    over_bits = {"bits": {"compression_ratio": (4.0, 8.0, 16.0)}}
    mixed = {"mixed": {"compression_ratio": (4.0, 8.0, 16.0), axis: (-7.0, 3.0)}}
    for sweeps, there in ((over_bits, True), (mixed, False)):
        (name,) = sweeps
        run = view_run(write_run(tmp_path / name, sweeps))
        with paper_style():
            names = {plan.name for plan in figure_layouts(run)}
        assert (f"{name}_nmse_bits" in names) == there


def test_errors_that_squeeze_all_others_lie_outside(tmp_path):
    folder = write_run(tmp_path, {"over_snr": SWEEPS["over_snr"]}, metrics=("nmse_db",))
    table = pd.read_csv(folder / "results.csv")
    worst = (table["compressor"] == "topk") & (table["metric"] == "nmse_db")
    table.loc[worst, ["value", "ci_low", "ci_high"]] += 60
    table.to_csv(folder / "results.csv", index=False)
    run = view_run(folder)
    with paper_style():
        layout = draw_metrics(run, run.sweeps[0], ["nmse_db"])
    assert layout.figure.axes[0].get_ylim()[1] == 10
    assert layout.outside == ["top-k"]
    assert any(text.get_text().startswith("top-k 53.8") for text in layout.figure.axes[0].texts)
