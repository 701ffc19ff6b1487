"""``linksim compare`` as a user calls it, against differences taken by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from linksim.comparison.run_samples import RunSamples
from linksim.comparison.runs import compare_runs
from linksim.errors import InputError
from linksim.execution.options import ExecutionOptions
from linksim.report.figures import difference
from linksim.scenario.file import validate_scenario
from linksim.simulation.engine import RunOptions
from linksim.simulation.engine import run as run_scenario
from linksim.statistics.ratio_interval import interval_of_paired_ratio
from linksim.statistics.skewed_interval import Spread, interval_of_difference, interval_of_mean
from linksim.storage.sample_values import (
    SampleRecorder,
    SampleValues,
    gather_shards,
    read_samples,
    write_samples,
)
from tests.linksim.conftest import TINY

Command = Callable[..., tuple[int, str, str]]
Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(name: str, **changes: Any) -> Path:
        small = {"compressors": [{"name": "topk"}, {"name": "klt"}], "metrics": ["nmse_db", "nmse_ratio_db", "rho"]}
        scenario = validate_scenario({**TINY, **small, **changes}, "test")
        options = RunOptions(execution=ExecutionOptions(workers=1))
        return run_scenario(scenario, tmp_path / name, options).path

    return call


def samples_of(folder: Path, sweep_place: int = 0) -> SampleValues:
    opened = RunSamples(folder, "x")
    return opened.samples(list(opened.points.values())[sweep_place])


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "comparison" / "comparison.csv")


def only(table: pd.DataFrame, **where: object) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_two_runs_are_paired(run: Run, command: Command) -> None:
    few, many = run("few"), run("many", training={**TINY["training"], "samples": 300})
    code, out, err = command("compare", few, many, "--metric", "nmse_db")
    assert code == 0, err
    assert "training.samples 300 (150)" in out
    assert "95 % intervals, paired" in out
    found = only(table_of(few), snr_db=0, compressor="klt", metric="nmse_db")
    a, b = (samples_of(folder).columns["klt", "nmse_db"][0] for folder in (many, few))
    assert found.value == pytest.approx(10 * np.log10(a.mean() / b.mean()), rel=1e-8)
    ends = interval_of_paired_ratio(a / a.mean(), b / b.mean())
    assert (found.ci_low - found.value, found.ci_high - found.value) == pytest.approx(ends, rel=1e-6)
    assert found.n == TINY["monte_carlo"]["samples"]
    # What no training touches is the same in both, to the digit.
    same = only(table_of(few), snr_db=20, compressor="topk", metric="rho")
    assert (same.value, same.ci_low, same.ci_high) == (0, 0, 0)
    assert list((few / "comparison").glob("*.pdf"))


def test_compressors_of_one_run(run: Run, command: Command, tmp_path: Path) -> None:
    folder = run("one", sweeps={})
    assert command("compare", folder, "--against", "klt", "--metric", "rho", "--out", tmp_path / "elsewhere")[0] == 0
    table = pd.read_csv(tmp_path / "elsewhere" / "comparison.csv")
    found = only(table, compressor="topk", metric="rho")
    columns = samples_of(folder).columns
    difference = columns["topk", "rho"][0] - columns["klt", "rho"][0]
    ends = [difference.mean() + end for end in interval_of_mean(Spread.of(difference))]
    assert (found.ci_low, found.ci_high) == pytest.approx(ends, rel=1e-8)
    results = pd.read_csv(folder / "results.csv")
    values = [only(results, compressor=name, metric="rho").value for name in ("topk", "klt")]
    # Nine digits are written.
    assert (found.value_run, found.value_reference) == pytest.approx(values, rel=1e-8)
    assert found.value == pytest.approx(values[0] - values[1], abs=2e-9)


def test_samples_do_not_depend_on_batches_or_workers(run: Run, command: Command) -> None:
    whole = run("whole", monte_carlo={"samples": 120, "batch_size": 200}, sweeps={})
    pieces = run("pieces", monte_carlo={"samples": 120, "batch_size": 50}, sweeps={})
    a, b = samples_of(whole), samples_of(pieces)
    assert set(a.columns) == set(b.columns)
    assert all(np.array_equal(a.columns[key], b.columns[key]) for key in a.columns)
    assert np.array_equal(a.marks, b.marks)
    assert not list((pieces / "samples").glob("*/"))
    shorter = run("shorter", monte_carlo={"samples": 60}, sweeps={})
    code, out, err = command("compare", whole, shorter, "--metric", "rho")
    assert code == 0, err
    assert "the first 60 samples of 60 and 120" in out
    assert set(table_of(whole).n) == {60}


def test_another_seed_is_not_paired(run: Run, command: Command) -> None:
    a, b = run("a", sweeps={}), run("b", sweeps={}, seed=4)
    code, out, err = command("compare", a, b, "--metric", "rho")
    assert code == 0, err
    assert "not paired: seed 4 against 3" in out
    found = only(table_of(a), compressor="topk", metric="rho")
    columns = [samples_of(folder).columns["topk", "rho"][0] for folder in (b, a)]
    ends = [columns[0].mean() - columns[1].mean() + end for end in interval_of_difference(*map(Spread.of, columns))]
    assert (found.ci_low, found.ci_high) == pytest.approx(ends, rel=1e-8)
    assert found.paired == "no"


def test_legends_name_what_has_the_metric(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = run("three", compressors=[{"name": "topk"}, {"name": "klt"}, {"name": "identity"}])
    comparison = compare_runs([RunSamples(folder, "three")], "klt", ())
    rows = comparison.rows
    # As precoders, which have no error of a channel.
    rows = rows[~((rows["compressor"] == "topk") & (rows["metric"] == "nmse_db"))]
    figures: dict[str, Figure] = {}
    monkeypatch.setattr(difference, "save", lambda figure, path: figures.setdefault(path.name, figure) and [])
    difference.draw_differences(replace(comparison, rows=rows), ("nmse_db", "rho"), tmp_path)
    named = {
        name: {text.get_text() for legend in figure.legends for text in legend.get_texts()}
        for name, figure in figures.items()
    }
    assert {len(texts) for name, texts in named.items() if "nmse" in name} == {1}
    assert {len(texts) for name, texts in named.items() if "rho" in name} == {2}


def test_refusals_name_the_difference(run: Run, command: Command, tmp_path: Path) -> None:
    a = run("a", sweeps={}, metrics=["nmse_db"])

    def refused(*arguments: str | Path) -> str:
        code, _, err = command("compare", *arguments)
        assert code == 2
        assert err.count("\n") == 1
        return err

    other_band = run("band", sweeps={}, channel={**TINY["channel"], "carrier_hz": 6e9})
    assert "channel.carrier_hz: got 6000000000.0, expected 28000000000.0 as in" in refused(a, other_band)
    assert "snr_db: got 5.0, expected 10.0" in refused(a, run("snr", sweeps={}, snr_db=5))
    assert "got the points snr (snr_db 0, 20), expected some of tiny/" in refused(a, run("swept"))
    others = run("others", sweeps={}, compressors=[{"name": "identity"}])
    assert "got compressors identity, expected one of" in refused(a, others)
    assert "expected a second one, or --against COMPRESSOR" in refused(a)
    assert "--against: got 'csinet', expected one of topk, klt" in refused(a, "--against", "csinet")
    assert "--metric: got 'rate', expected one of nmse_db" in refused(a, "--against", "klt", "--metric", "rate")
    assert "got the same run twice" in refused(a, a)
    assert "no results.csv there" in refused(tmp_path, a)
    (file,) = (a / "samples").glob("*.safetensors")
    kept = read_samples(file)
    changed = {key: 2 * values for key, values in kept.columns.items()}
    write_samples(file, SampleValues(kept.marks, changed))
    assert "as in results.csv" in refused(a, "--against", "klt")
    file.write_bytes(file.read_bytes()[:-8])
    assert "cannot be read" in refused(a, "--against", "klt")
    file.unlink()
    assert "no per-sample values of sweep point" in refused(a, "--against", "klt")


def test_other_channels_under_the_same_name_are_found(run: Run, command: Command) -> None:
    a, b = run("a", sweeps={}), run("b", sweeps={}, training={**TINY["training"], "samples": 140})
    # However weak channels are.
    for scale in (1.0, 1e-9):
        for folder, factor in ((a, 1.0), (b, 1.5)):
            (file,) = (folder / "samples").glob("*.safetensors")
            kept = read_samples(file)
            marks = scale * kept.marks
            marks[17] *= factor
            write_samples(file, SampleValues(marks, kept.columns))
        code, _, err = command("compare", a, b)
        assert code == 2
        assert "sample 17 of sweep point is another channel" in err
        (file,) = (b / "samples").glob("*.safetensors")
        marks[17] /= 1.5
        write_samples(file, SampleValues(marks, kept.columns))


def test_the_same_scenario_in_two_folders_is_two_runs(run: Run, command: Command) -> None:
    code, _, err = command("compare", run("a", sweeps={}), run("b", sweeps={}))
    assert code == 0, err


def test_shards_of_any_size_join(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = {("a", "rho"): generator.random((1, 30)), ("a", "bits"): np.full((1, 30), 7.0)}
    values["a", "nmse_ratio_db"] = np.concatenate([values["a", "rho"], generator.random((1, 30))])
    marks = generator.random(30)

    def part(start: int, stop: int) -> SampleValues:
        return SampleValues(marks[start:stop], {key: column[:, start:stop] for key, column in values.items()})

    folder = tmp_path / "shards"
    folder.mkdir()
    for start, stop in ((0, 4), (4, 22), (25, 30)):
        write_samples(folder / f"{start}-{stop}.safetensors", part(start, stop))
    # Of an earlier run of fewer samples, in another block.
    write_samples(folder / "0-10.safetensors", SampleValues(marks[:10] + 1, part(0, 10).columns))
    file = tmp_path / "joined.safetensors"
    gather_shards(folder, [(0, 4)], file)
    assert np.array_equal(read_samples(file).marks, marks[:4])
    # 22 to 25 was measured on a machine that kept no samples.
    gather_shards(folder, [(25, 30), (0, 4), (4, 22), (22, 25)], file)
    joined = read_samples(file)
    assert len(joined) == 22
    assert all(np.array_equal(joined.columns[key], values[key][:, :22]) for key in values)
    assert np.array_equal(joined.marks, marks[:22])
    # Marks, one column of rho that serves two metrics, one denominator, and a constant; not six columns.
    assert file.stat().st_size < 4 * 22 * 8 + 700


def test_damaged_sample_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    with pytest.raises(InputError, match="no such file, expected per-sample values"):
        read_samples(file)
    write_samples(file, SampleValues(np.array([1.0, np.nan]), {}))
    with pytest.raises(InputError, match="finite float64"):
        read_samples(file)
    recorder = SampleRecorder()
    recorder.add("a", "bits", ())
    assert recorder._parts == {}
