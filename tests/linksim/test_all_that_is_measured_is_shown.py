"""Whatever a run has measured stands in its tables, figures and costs, whichever compressors have which points."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import linksim
from linksim.report.html import write_report
from linksim.report.tables.costs import read_costs
from linksim.report.tables.sweep import sweep_tables
from linksim.report.view.run_view import view_run
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.chosen_point import chosen_point
from linksim.storage.results_table import read_results

Command = Callable[..., tuple[int, str, str]]

BASE = {
    "channel": {"source": "cost2100", "n_columns": 8},
    "transform": {"n_delay": 8},
    "training": {"samples": 40},
    "monte_carlo": {"samples": 15},
    "metrics": ["nmse_db", "rate_bps_hz", "bits"],
}
# Sweeps whose compressors are not the same at all points.
SWEEPS: dict[str, dict[str, Any]] = {
    "each at one ratio, beside one without": {
        "compressors": [
            {"name": "klt", "only_ratios": [4]},
            {"name": "klt", "label": "klt2", "only_ratios": [8]},
            {"name": "context", "step": 0.5},
        ],
        "sweeps": {"cr": {"compression_ratio": [4, 8]}},
    },
    "one at one ratio, over two axes": {
        "estimation": {"name": "perfect"},
        "compressors": [{"name": "context", "step": 0.5}, {"name": "topk", "label": "fine", "only_ratios": [2]}],
        "sweeps": {"both": {"compression_ratio": [4, 2], "snr_db": [0, 10]}},
    },
    "compressors that are swept": {
        "compressors": [{"name": "klt"}, {"name": "topk"}],
        "feedback": {"quantiser": {"name": "uniform", "bits": 4}},
        "sweeps": {"s": {"compressors.0": [{"name": "klt"}, {"name": "identity"}]}},
    },
    "no ratio of the scenario's own": {
        "compressors": [{"name": "klt", "only_ratios": [8]}, {"name": "topk", "only_ratios": [8, 16]}],
        "sweeps": {"cr": {"compression_ratio": [8, 16]}},
    },
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_every_value_stands_in_a_table(kind: str, run_folder: Callable[..., Path]) -> None:
    folder = run_folder({"name": "shown", **BASE, **SWEEPS[kind]})
    results = read_results(folder)
    run = view_run(folder)
    metrics = list(BASE["metrics"])
    shown: dict[tuple[str, str], set[str]] = {}
    for table in sweep_tables(run, metrics):
        for block in table.blocks:
            for row in block.rows:
                texts = {cell.value for cell in row.cells}
                shown.setdefault((row.label, block.metric.name), set()).update(texts)
    own = results[results["metric"].isin(metrics) & (results["compressor"] != NO_COMPRESSOR)]
    for label, metric, value in zip(own["compressor"], own["metric"], own["value"], strict=True):
        text = next(b.metric for t in sweep_tables(run, [metric]) for b in t.blocks if b.metric.name == metric)
        assert text.text(value) in shown[label, metric], (label, metric, value)


@pytest.mark.parametrize("kind", SWEEPS)
def test_every_compressor_has_its_costs(kind: str, run_folder: Callable[..., Path]) -> None:
    """Where it was measured: the ratio of its costs is one of those that it has results at."""
    folder = run_folder({"name": "shown", **BASE, **SWEEPS[kind]})
    costs, results = read_costs(folder), read_results(folder)
    assert costs is not None
    ratios = {
        str(label): set(rows["compressor_ratio"].dropna())
        for label, rows in results[results["compressor"] != NO_COMPRESSOR].groupby("compressor")
    }
    assert set(costs["compressor"]) == set(ratios)
    for label, ratio in zip(costs["compressor"], costs["compression_ratio"], strict=True):
        assert ratio in ratios[label] if ratios[label] else pd.isna(ratio)
    assert "Complexity per report" in write_report(folder).read_text("utf-8")


def test_numbers_and_names_on_one_axis(command: Command, tmp_path: Path) -> None:
    """Ranks 1, 2, 10 and ``auto``: tables, figures, comparisons and exports find each."""
    channel = {"source": "sionna", "model": "CDL-C", "carrier_hz": 3.5e9, "bandwidth_hz": 5e6, "n_subcarriers": 48}
    document = {
        "name": "mixed",
        **BASE,
        "channel": channel | {"n_columns": 4, "polarization": "dual", "n_rx": 2},
        "compressors": [{"name": "type1"}, {"name": "etype2", "param_combination": 1}],
        "metrics": ["sum_rate_bps_hz", "bits"],
        "sweeps": {"rank": {"compressors.1.rank": [1, 2, "auto"]}},
    }
    file = tmp_path / "mixed.yaml"
    file.write_text(yaml.safe_dump(document))
    code, out, err = command("run", file, "--workers", "1", "--out", tmp_path)
    assert code == 0, err
    assert "rank" in out
    results = tmp_path / "mixed"
    for arguments in (("show", results), ("export-tables", results), ("plot", results)):
        assert command(*arguments)[0] == 0
    code, out, err = command("compare", results, "--against", "type1")
    assert (code, err) == (0, "")
    assert out.count("auto")
    table = linksim.compare(results, against="type1")
    assert list(dict.fromkeys(table["compressors.1.rank"])) == ["1", "2", "auto"]


def test_a_compressor_of_no_point_is_told_of(command: Command, tmp_path: Path) -> None:
    compressors = [{"name": "klt", "only_ratios": [8]}, {"name": "topk", "only_ratios": [4]}]
    file = tmp_path / "alone.yaml"
    file.write_text(yaml.safe_dump({"name": "alone", **BASE, "compressors": compressors}))
    code, _, err = command("validate", file)
    assert code == 0
    assert "compressors: klt: takes part at no point, as its only_ratios are 8 and the points' 4" in err
    code, _, err = command("validate", file, "--set", "compressors=[{name: klt, only_ratios: [8]}]")
    assert (code, err.count("\n")) == (2, 1)
    assert "compressors: got none that takes part at any point" in err
    file.write_text(yaml.safe_dump({"name": "alone", **BASE, "compressors": compressors[:1]}))
    assert command("complexity", file)[0] == 2


def test_why_nothing_was_compared(command: Command, run_folder: Callable[..., Path]) -> None:
    both = [{"name": "klt", "only_ratios": [8]}, {"name": "topk"}]
    folder = run_folder({"name": "alone", **BASE, "compressors": both})
    code, _, err = command("compare", folder, "--against", "klt")
    assert code == 2
    assert err.endswith("got klt, of which there are no results, expected topk\n")
    two = [{"name": "context", "step": 0.5}, {"name": "context", "step": 1, "label": "coarse"}]
    counted = run_folder({"name": "counted", **BASE, "compressors": two, "metrics": ["bits_max"]})
    code, _, err = command("compare", counted, "--against", "coarse")
    assert code == 2
    assert err.endswith("got the metrics bits_max, none of which is a mean over samples, expected one\n")


def test_a_drawing_leaves_no_figure_of_another_selection(run_folder: Callable[..., Path], command: Command) -> None:
    kind = SWEEPS["compressors that are swept"] | {"sweeps": {"snr": {"snr_db": [0, 10]}}}
    folder = run_folder({"name": "drawn", **BASE, **kind})
    assert command("plot", folder)[0] == 0
    figures = folder / "figures"
    first = {file.name for file in figures.iterdir()}
    for name in ("mine.png", "snr_mine.png"):
        (figures / name).write_bytes(b"of the user")
    assert command("plot", folder, "--metric", "bits", "--metric", "rate_bps_hz")[0] == 0
    chosen = {file.name for file in figures.iterdir()} - {"mine.png", "snr_mine.png"}
    assert chosen != first
    assert command("plot", folder)[0] == 0
    assert {file.name for file in figures.iterdir()} == first | {"mine.png", "snr_mine.png"}


def test_a_section_that_is_swept_stands_at_the_scenarios_own(run_folder: Callable[..., Path]) -> None:
    """Names of sections, and entries of lists, are the scenario's own where they say all that it says."""
    compressors = [{"name": "klt"}, {"name": "topk"}]
    sweeps = {
        "link": {"feedback.link": [{"name": "bsc", "flip_rate": 0.01}, {"name": "perfect"}]},
        "first": {"compressors.0": [{"name": "identity"}, {"name": "klt"}]},
        "noise": {"snr_db": [0, 10]},
    }
    quantised = {"quantiser": {"name": "uniform", "bits": 4}}
    folder = run_folder({"name": "own", **BASE, "compressors": compressors, "feedback": quantised, "sweeps": sweeps})
    run = view_run(folder)
    points = {
        name: chosen_point([point for point in run.samples.points if point.sweep == name], run.scenario, {})
        for name in sweeps
    }
    assert [point and list(point.axes.values()) for point in points.values()] == [["perfect"], ["klt"], [10]]
    assert "Error against what one report costs (sweep link, feedback.link perfect)" in write_report(folder).read_text()


def test_captions_tell_ratios_that_are_not_the_points(run_folder: Callable[..., Path]) -> None:
    compressors = [
        {"name": "klt"},
        {"name": "topk"},
        {"name": "topk", "label": "fine", "only_ratios": [4]},
        {"name": "klt", "label": "own", "compression_ratio": 2},
    ]
    sweeps = {"cr": {"compression_ratio": [4, 8]}}
    folder = run_folder({"name": "told", **BASE, "compression_ratio": 8, "compressors": compressors, "sweeps": sweeps})
    page = write_report(folder).read_text("utf-8")
    assert "With a ratio of their own: own 1/2. Not drawn, as measured at another ratio: fine 1/4." in page


def test_tables_tell_what_varies_together(run_folder: Callable[..., Path]) -> None:
    joint = {"both": {"compression_ratio, feedback.quantiser.bits": [[4, 6], [8, 3]]}}
    quantised = {"quantiser": {"name": "uniform", "bits": 4}}
    folder = run_folder(
        {"name": "joint", **BASE, "compressors": [{"name": "klt"}], "feedback": quantised, "sweeps": joint}
    )
    tables = sweep_tables(view_run(folder), ["nmse_db"])
    assert any("varied together: compression ratio 1/4, 1/8; bits per codeword value 6, 3" in t.panel for t in tables)


def test_differences_at_one_value_of_an_axis_say_which(command: Command, run_folder: Callable[..., Path]) -> None:
    compressors = [{"name": "klt"}, {"name": "topk", "only_ratios": [4]}]
    sweeps = {"cr": {"compression_ratio": [4, 8]}, "both": {"compression_ratio": [4, 8], "snr_db": [0, 10]}}
    folder = run_folder({"name": "one", **BASE, "compressors": compressors, "sweeps": sweeps})
    code, out, err = command("compare", folder, "--against", "topk", "--metric", "nmse_db")
    assert (code, err) == (0, "")
    assert "".join(out.split()).count("Compressionratio1/4") == 2
