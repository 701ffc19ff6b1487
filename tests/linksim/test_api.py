"""The public API: what a notebook does, on channels that take a second."""

import copy
import doctest
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import channels
import feedback
import linksim
import linksim.api

TINY: dict[str, Any] = {
    "name": "tiny",
    "seed": 3,
    "device": "cpu",
    "channel": {"source": "cost2100", "n_subcarriers": 64},
    "estimation": {"name": "perfect"},
    "transform": {"n_delay": 8},
    "compression_ratio": 8,
    "compressors": [{"name": "topk"}, {"name": "klt"}],
    "monte_carlo": {"samples": 10},
    "training": {"samples": 40, "network_samples": 40, "validation_samples": 10},
    "metrics": ["nmse_db", "rho", "bits"],
    "sweeps": {"cr": {"compression_ratio": [4, 8]}},
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> linksim.Result:
    return linksim.run(TINY, workers=1, out=tmp_path_factory.mktemp("out"))


def test_a_run_gives_its_table_scenario_manifest_and_folder(result: linksim.Result) -> None:
    nmse = result.table.query("metric == 'nmse_db'")
    assert len(nmse) == 2 * 2
    assert set(nmse.compressor) == {"topk", "klt"}
    assert (nmse.n == 10).all()
    pd.testing.assert_frame_equal(nmse[["value"]], _nmse_of_file(result.folder), check_names=False)
    assert result.scenario == linksim.load_scenario(TINY)
    assert result.manifest["seed"] == 3
    assert result.manifest["command"] == "linksim.run"


def test_a_codec_of_a_run_does_what_the_run_did(result: linksim.Result) -> None:
    for ratio, label in ((4, "klt"), (8, "topk")):
        codec = linksim.load_codec(result, label, at={"compression_ratio": ratio})
        csi = channels.open_source("cost2100", n_subcarriers=64, seed=3).read_truncated("test", 0, 10, n_delay=8)
        rebuilt = codec.decode(codec.encode(csi))
        error = ((rebuilt - csi).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).mean()
        row = result.table.query("metric == 'nmse_db' and compressor == @label and compression_ratio == @ratio")
        # The run's source makes frequency responses first: rounding of float32, some 1e-6 of each channel.
        assert float(10 * torch.log10(error)) == pytest.approx(float(row.value.iloc[0]), abs=1e-3)


def test_a_codec_of_a_scenario_is_fitted_first(result: linksim.Result) -> None:
    of_run = linksim.load_codec(result.folder, "klt", at={"compression_ratio": 8})
    fitted = linksim.load_codec(TINY, "klt", overrides={"sweeps": {}})
    csi = channels.open_source("cost2100", n_subcarriers=64).read_truncated("test", 0, 3, n_delay=8)
    assert torch.equal(fitted.decode(fitted.encode(csi)), of_run.decode(of_run.encode(csi)))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "label: got none, expected one of topk, klt"),
        ({"label": "kl"}, "label: got 'kl', expected one of topk, klt"),
        ({"label": "klt", "at": {"snr_db": 3}}, "^at: got 'snr_db', expected one of compression_ratio"),
        ({"label": "klt", "at": {"compression_ratio": 3}}, "compression_ratio: got '3', expected one of 4.0, 8.0"),
    ],
)
def test_what_names_no_codec_is_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(linksim.InputError, match=line):
        linksim.load_codec(TINY, **arguments)


def _nmse_of_file(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "results.csv")
    return table[table.metric == "nmse_db"][["value"]]


def test_the_given_scenario_stays_as_it_is(tmp_path: Path) -> None:
    document, overrides = copy.deepcopy(TINY), {"compressors.0": {"name": "topk", "label": "sparse"}}
    changed = linksim.load_scenario(document, overrides)
    assert document == TINY
    assert [entry.label for entry in changed.compressors] == ["sparse", None]
    again = linksim.load_scenario(changed, {"snr_db": 3, "zoo": Path("here")})
    assert (again.snr_db, again.zoo, changed.zoo) == (3, str(Path("here").absolute()), None)


def test_no_output_unless_asked(result: linksim.Result, capsys: pytest.CaptureFixture[str]) -> None:
    linksim.run(TINY, workers=1, out=result.folder.parents[1])
    assert capsys.readouterr() == ("", "")


def test_opens_a_run_by_its_folder_and_by_that_of_the_scenario(result: linksim.Result) -> None:
    for folder in (result.folder, str(result.folder.parent)):
        assert linksim.open_run(folder).table.equals(result.table)


def test_compares_compressors_and_runs(result: linksim.Result) -> None:
    table = linksim.compare(result, against="topk")
    row = table.query("metric == 'nmse_db' and compression_ratio == 4").iloc[0]
    values = result.table.query("metric == 'nmse_db' and compression_ratio == 4").set_index("compressor").value
    # Nine digits in the table of results.
    assert row.value == pytest.approx(values["klt"] - values["topk"], rel=1e-7)
    assert (row.compressor, row.reference, row.paired, row.n) == ("klt", "topk", "yes", 10)
    coarser = linksim.run(TINY, {"training.samples": 30}, workers=1, out=result.folder.parents[1])
    between = linksim.compare(result, coarser.folder, metrics="nmse_db")
    # What learns nothing is the same in both.
    assert (between[between.compressor == "topk"].value == 0).all()
    assert (between[between.compressor == "klt"].value != 0).all()
    assert any("training.samples 30 (40)" in note for note in between.attrs["notes"])
    with pytest.raises(linksim.InputError, match=r"got metric foo, expected one of .*nmse_db"):
        linksim.compare(result, against="topk", metrics=["foo"])


def test_shows_itself_in_a_notebook(result: linksim.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    html = result._repr_html_()
    assert "<b>tiny</b>" in html
    for label in ("topk", "klt"):
        assert label in html.lower().replace("-", "")
    document = copy.deepcopy(TINY) | {"sweeps": {"<script>": {"compression_ratio": [8]}}}
    odd = linksim.run(document, workers=1, out=result.folder.parents[1])
    assert "<script>" not in odd._repr_html_()


def test_figures_and_report_are_those_of_the_command_line(
    result: linksim.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [Path("a/overview.png"), Path("a/overview.pdf")]
    monkeypatch.setattr("linksim.report.figures.drawing.draw_figures", lambda *_: files)
    monkeypatch.setattr("linksim.report.html.write_report", lambda folder, options: folder / "report.html")
    assert result.figures() == {"overview": files[0]}
    assert result.report() == result.folder / "report.html"


def test_points_of_sweeps() -> None:
    assert [point.axes for point in linksim.points(TINY)] == [{"compression_ratio": 4.0}, {"compression_ratio": 8.0}]


def test_scenarios_that_ship_go_by_name() -> None:
    assert linksim.load_scenario("uma_28ghz", {"snr_db": 5}).snr_db == 5
    assert linksim.load_scenario("train/cost2100_indoor").channel.source == "cost2100"


@pytest.mark.parametrize("name", ["uma_29ghz", "../README", "missing.yaml"])
def test_names_of_no_scenario_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(linksim.InputError, match="expected a scenario in YAML") as error:
        linksim.load_scenario(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"snr_dB": 5}, "scenario: snr_dB"),
        ({"snr_db": "loud"}, "scenario: snr_db"),
        ({"compressors.7.name": "klt"}, "compressors.7"),
        ({"channel.source": "cost2101"}, "channel.source"),
    ],
)
def test_wrong_keys_are_named(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(linksim.InputError, match=message):
        linksim.load_scenario(TINY, overrides)


def test_overrides_are_a_mapping() -> None:
    with pytest.raises(linksim.InputError, match="scenario: got int, expected a file, a name, a mapping or a Scenario"):
        linksim.load_scenario(3)  # type: ignore[arg-type]
    with pytest.raises(linksim.InputError, match="overrides: got list, expected a mapping of dotted keys"):
        linksim.load_scenario(TINY, ["snr_db=3"])  # type: ignore[arg-type]


def test_wrong_workers_are_named() -> None:
    with pytest.raises(linksim.InputError, match="workers: got 0"):
        linksim.run(TINY, workers=0)


def test_trains_into_the_zoo(tmp_path: Path) -> None:
    overrides = {"compressors": [{"name": "csinet"}], "sweeps": {}, "zoo": tmp_path / "zoo"}
    (weights,) = linksim.train(TINY, overrides, budget="40samples", workers=1, out=tmp_path)
    assert weights.path.parent == tmp_path / "zoo"
    assert weights.info.samples_seen == 40
    before = weights.path.stat().st_mtime_ns
    (again,) = linksim.train(TINY, overrides, budget="40samples", workers=1, out=tmp_path)
    assert again == weights
    assert again.path.stat().st_mtime_ns == before


def test_opens_a_source_with_the_keys_of_a_scenario() -> None:
    source = channels.open_source("cost2100", environment="indoor", n_subcarriers=64, seed=7)
    csi = source.read_truncated("test", 0, 3, n_delay=8)
    assert (csi.shape, csi.dtype) == ((3, 8, 32), torch.complex64)
    assert torch.equal(csi[2:], source.read_truncated("test", 2, 3, n_delay=8))


def test_makes_a_compressor_with_the_keys_of_a_scenario() -> None:
    csi = torch.randn(64, 4, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    klt = feedback.make_compressor("klt", shape=(4, 8), compression_ratio=1)
    klt.fit(feedback.TrainingSet(csi, csi[:1]), torch.Generator())
    # All 32 axes are kept, so that only the rounding of complex64 is left.
    error = (klt.decode(klt.encode(csi)) - csi).abs().square().sum() / csi.abs().square().sum()
    assert klt.length == 2 * 4 * 8
    assert float(error) < (32 * np.finfo(np.float32).eps) ** 2


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("cost2101", {}, "source: got 'cost2101', expected one of cost2100"),
        ("cost2100", {"enviroment": "indoor"}, "cost2100.enviroment: no such key, expected one of .*environment"),
        (
            "cost2100",
            {"delay_alignment": "late"},
            "cost2100.delay_alignment: got 'late', expected 'first_path' or 'none'",
        ),
        ("cost2100", {"n_columns": 0}, "cost2100.n_columns: got 0, expected greater than or equal to 1"),
        ("mat", {}, "mat: test_file: got no file at all"),
    ],
)
def test_wrong_sources_are_one_line(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(channels.ChannelInputError, match=message) as error:
        channels.open_source(name, **keys)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("kl", {}, "compressor: got 'kl', expected one of .*klt"),
        ("klt", {"ratio": 4}, "klt.ratio: no such key, expected one of .*compression_ratio"),
        ("klt", {"compression_ratio": "high"}, "klt.compression_ratio: got 'high'"),
        ("klt", {}, "compression_ratio: got nothing"),
    ],
)
def test_wrong_compressors_are_one_line(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(feedback.FeedbackInputError, match=message) as error:
        feedback.make_compressor(name, shape=(4, 8), **keys)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(32,), 32, (4, 0), (4, 8, 2), "ab"])
def test_wrong_shapes_are_one_line(shape: Any) -> None:
    with pytest.raises(feedback.FeedbackInputError, match=r"shape: got .*, expected two whole numbers"):
        feedback.make_compressor("klt", shape=shape, compression_ratio=1)


@pytest.mark.parametrize("package", [linksim, channels, feedback])
def test_every_name_of_a_package_is_there(package: Any) -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name
    assert linksim.__version__


@pytest.mark.parametrize("module", [linksim, linksim.api, channels, feedback])
def test_examples_of_the_docstrings(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
