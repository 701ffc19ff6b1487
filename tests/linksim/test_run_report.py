"""What a report shows beside curves, on one run: an example, distributions, costs, and figures with options."""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from linksim.comparison.run_samples import point_rows
from linksim.errors import InputError
from linksim.execution.options import ExecutionOptions
from linksim.report import write_report
from linksim.report.figures.complexity import COSTS, draw_costs
from linksim.report.figures.distribution import draw_distributions
from linksim.report.tables.costs import read_costs
from linksim.report.view.curve_style import PALETTES
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import view_run
from linksim.report.view.style import paper_style
from linksim.scenario.chosen_point import check_chosen, chosen_point
from linksim.scenario.file import validate_scenario
from linksim.scenario.sources import source_of
from linksim.simulation.engine import RunOptions
from linksim.simulation.engine import run as run_scenario
from linksim.simulation.example_matrices import EXAMPLE_FILE, read_example
from tests.linksim.conftest import TINY


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder."""
    out = tmp_path_factory.mktemp("out")
    scenario = validate_scenario(copy.deepcopy(TINY), "scenario")
    return run_scenario(scenario, out, RunOptions(execution=ExecutionOptions(workers=1))).path


def test_the_example_is_a_test_channel_with_the_error_that_the_metric_saw(finished):
    example = read_example(finished)
    assert example is not None
    run = view_run(finished)
    point = next(point for point in run.samples.points if dict(point.axes) == dict(example.axes))
    samples = run.samples.of_point(point)
    assert samples is not None
    true = source_of(point.scenario).read_truncated("test", 0, 1, 8)[0].numpy()
    # Blocks of other sizes differ in the last digits of float32.
    assert np.abs(example.true - true).max() < 1e-5 * np.abs(true).max()
    assert list(example.rebuilt) == ["identity", "topk", "klt"]
    for label, matrix in example.rebuilt.items():
        error = (np.abs(example.true - matrix) ** 2).sum() / (np.abs(example.true) ** 2).sum()
        assert error == pytest.approx(samples.columns[label, "nmse_db"][0, 0], rel=1e-3)


@pytest.mark.parametrize("damage", ["not a tensor file", "another file", "another shape", "not finite"])
def test_a_damaged_example_gives_one_line(tmp_path, damage):
    file = tmp_path / EXAMPLE_FILE
    matrix = np.zeros((2, 3, 2), np.float32)
    document = json.dumps({"labels": ["klt"], "sweep": "s", "axes": {}})
    if damage == "not a tensor file":
        file.write_bytes(b"garbage")
    elif damage == "another file":
        save_file({"true": matrix}, file)
    else:
        other = np.zeros((2, 2, 2), np.float32) if damage == "another shape" else np.full_like(matrix, np.nan)
        save_file({"true": matrix, "0": other}, file, {"example": document})
    with pytest.raises(InputError) as caught:
        read_example(tmp_path)
    assert EXAMPLE_FILE in str(caught.value)
    assert "\n" not in str(caught.value)


def test_distributions_are_those_of_the_kept_samples(finished):
    run = view_run(finished)
    samples = run.samples.of_point(run.samples.points[0])
    assert samples is not None
    with paper_style():
        made = draw_distributions(run, samples)
    assert made is not None
    layout, metrics = made
    assert metrics == ["nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz"]
    colour = run.styles["klt"].colour
    for axes, metric in zip(layout.figure.axes, metrics, strict=False):
        (line,) = (line for line in axes.get_lines() if line.get_color() == colour and len(line.get_xdata()) > 1)
        values = samples.columns["klt", metric][0]
        expected = np.sort(10 * np.log10(values)) if "nmse" in metric else np.sort(values)
        assert np.asarray(line.get_xdata())[1:] == pytest.approx(expected)
        assert np.asarray(line.get_ydata()) == pytest.approx(np.arange(61) / 60)


def test_costs_stand_where_the_table_says(finished):
    run, costs = view_run(finished), read_costs(finished)
    assert costs is not None
    with paper_style():
        made = draw_costs(run, costs.set_index("compressor"), point_rows(run.results, run.samples.points[0]))
    assert made is not None
    layout, metrics = made
    assert metrics == ["nmse_db", "nmse_e2e_db"]
    klt = costs.set_index("compressor").loc["klt"]
    klt_rows = run.results[(run.results["compressor"] == "klt") & (run.results["snr_db"] == 0)]
    values = klt_rows.set_index("metric")["value"]
    for axes, column in zip(layout.figure.axes, COSTS, strict=False):
        (line,) = (line for line in axes.get_lines() if line.get_marker() == run.styles["klt"].marker)
        assert line.get_xdata() == pytest.approx([klt[column]])
        assert line.get_ydata() == pytest.approx([values["nmse_db"]])


def test_a_point_is_as_asked_or_the_scenarios_own_or_in_the_middle(finished):
    points = view_run(finished).samples.points
    assert dict(chosen_point(points, {"snr_db": 0.0}, {}).axes) == {"snr_db": 0.0}
    assert dict(chosen_point(points, {"snr_db": 10.0}, {}).axes) == {"snr_db": 20.0}
    assert dict(chosen_point(points, {"snr_db": 0.0}, {"snr_db": "20"}).axes) == {"snr_db": 20.0}
    with pytest.raises(InputError, match="--at: got 'speed_m_s', expected one of snr_db"):
        check_chosen(points, {"speed_m_s": "1"})
    with pytest.raises(InputError, match=r"--at: snr_db: got '5', expected one of 0\.0, 20\.0"):
        check_chosen(points, {"snr_db": "5"})


@pytest.mark.usefixtures("without_layout")
def test_the_report_follows_the_data_and_a_tiny_run_has_no_pdf(finished):
    page = write_report(finished, FigureOptions(vector=False)).read_text(encoding="utf-8")
    order = ['id="simulated"', 'id="training"', 'id="example"', 'id="sweep-1"', 'id="costs"', 'id="again"']
    places = [page.index(mark) for mark in order]
    assert places == sorted(places)
    names = {path.name for path in (finished / "figures").iterdir()}
    assert {"overview.png", "example.png", "complexity.png", "snr_cdf.png", "snr_nmse.png"} <= names
    assert not [name for name in names if name.endswith(".pdf")]


def test_plot_takes_options_and_refuses_wrong_ones_in_one_line(finished, command, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("results.csv", "scenario.yaml", "manifest.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    options = ("--metric", "rho", "--only", "klt", "--limits", "rho=0.5:1", "--size", "3x2", "--palette", "grey")
    code, output, error = command("plot", folder, *options)
    assert (code, error) == (0, "")
    assert "report.html" in output
    assert {path.name for path in (folder / "figures").iterdir()} == {"snr_rho.png", "snr_rho.pdf"}
    for wrong in (("--only", "kltt"), ("--limits", "rho=1:0"), ("--size", "big"), ("--metric", "ber"), ("--at", "x")):
        code, output, error = command("plot", folder, *wrong)
        assert (code, output) == (2, "")
        assert error.count("\n") == 1
        assert wrong[0] in error


def test_options_change_what_they_name(finished):
    options = FigureOptions(palette="grey", order=("klt",), without=("identity",))
    run = view_run(finished, options=options)
    assert list(run.styles) == ["klt", "topk"]
    assert run.styles["klt"].colour in PALETTES["grey"]
    assert run.styles["klt"].marker == view_run(finished).styles["klt"].marker
    assert isinstance(run.results, pd.DataFrame)
