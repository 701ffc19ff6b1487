"""Blocked users: left out of every stage and counted, or refused by file and index."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat

import linksim
from feedback.csi_report.normalisation import Normalisation
from linksim.errors import InputError
from linksim.execution.executor import InProcess
from linksim.metrics import METRICS
from linksim.preparation import taken_sequences as sequence_module
from linksim.preparation.scheme_spec import scheme_specs
from linksim.preparation.training_channels import TrainingChannels
from linksim.scenario.model import Scenario
from linksim.storage.sample_values import read_samples

Run = Callable[..., Path]
BLOCKED = (0, 3, 51, 59)
CELL_RATES = ["cell_rate_bps_hz", "cell_rate_perfect_bps_hz"]
OF_USERS = ["user_rate_bps_hz", "user_rate_p5_bps_hz", "user_rate_perfect_p5_bps_hz"]
OF_CELLS = [*CELL_RATES, *OF_USERS]


def _channels(n: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    decay = 0.6 ** np.arange(16)
    return (decay * (generator.normal(size=(n, 4, 16)) + 1j * generator.normal(size=(n, 4, 16)))).astype(np.complex64)


@pytest.fixture
def blocked(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """60 test channels of which four, and training channels of which some, are zero."""
    files = {}
    for number, (split, n) in enumerate({"train": 100, "validation": 30, "test": 60}.items()):
        channels = _channels(n, number)
        channels[list(BLOCKED) if split == "test" else [1, 7]] = 0
        images = np.stack([channels.real, channels.imag], axis=1) / 12 + 0.5
        files[f"{split}_file"] = str(tmp_path / f"{split}.mat")
        savemat(files[f"{split}_file"], {"HT": images.reshape(n, -1)})
    channel = {"source": "mat", "n_delay": 16, "n_columns": 4, "n_subcarriers": 16, **files}
    return {**tiny, "channel": channel, "sweeps": {}, "monte_carlo": {"samples": 60, "batch_size": 50}} | {
        "transform": {"n_delay": 16},
        "estimation": {"name": "perfect"},
        "metrics": sorted(str(name) for name in METRICS),
    }


def test_they_are_left_out_of_every_figure_and_counted(
    blocked: dict[str, Any], run_folder: Run, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run_folder(blocked)
    warnings = json.loads((folder / "manifest.json").read_text())["warnings"]
    for line in (
        "channel: 4 of 60 test channels have no energy and are left out",
        "channel: 2 of 100 train channels have no energy and are left out",
    ):
        assert caplog.messages.count(line) == 1
        assert line in warnings
    results = pd.read_csv(folder / "results.csv")
    assert results["value"].notna().all()
    by_metric = results.set_index(["compressor", "metric"])
    assert by_metric.loc[("none", "samples_left_out"), "value"] == 4
    assert by_metric.loc[("identity", "rho"), "value"] == pytest.approx(1, abs=1e-6)
    counts = results[~results.metric.isin(["samples_left_out", "nmse_db_batchmean"])]
    # Twelve cells of four in the first block and two in the second; one of each block lacks a user.
    for metrics, count in ((CELL_RATES, 12), (OF_USERS, 48)):
        assert set(counts.loc[counts.metric.isin(metrics), "n"]) == {count}
    assert set(counts.loc[~counts.metric.isin(OF_CELLS), "n"]) == {56}
    (file,) = (folder / "samples").iterdir()
    samples = read_samples(file)
    assert samples.left_out == BLOCKED
    assert sorted([*samples.indices(), *samples.left_out]) == list(range(60))
    assert all(values.shape[1] == 56 for values in samples.columns.values())
    # Groups of samples are those of the run.
    assert set(linksim.compare(folder, against="identity").metric) > {"nmse_db_batchmean", "nmse_db"}
    # Shards of other sizes leave out the same.
    other = run_folder({**blocked, "monte_carlo": {"samples": 60, "batch_size": 100}}, "other")
    assert (other / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()


def test_training_channels_that_only_eigenvectors_are_taken_of(
    blocked: dict[str, Any], run_folder: Run, caplog: pytest.LogCaptureFixture
) -> None:
    blocked["compressors"] = [{"name": "context", "csi": "eigenvectors", "target_bits": 64}]
    run_folder(blocked | {"metrics": ["sgcs"], "sgcs": {"n_subbands": 4}})
    assert caplog.messages.count("channel: 2 of 100 train channels have no energy and are left out") == 1


def test_sequences_without_energy(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out and told of, or refused, or too few: a sequence counts if all of its reports have energy."""
    sequences = np.ones((100, 2, 4, 16), dtype=np.complex64)
    sequences[[1, 7], [0, 1]] = 0
    monkeypatch.setattr(sequence_module, "truncated_sequences", lambda *given: sequences[given[3] : given[4]])
    network = {"name": "markovnet", "compression_ratio": 4, "training_reports": 2}
    scenario = Scenario.model_validate(tiny | {"sweeps": {}, "compressors": [network]})
    (spec,) = scheme_specs(scenario)
    made = TrainingChannels(InProcess())
    assert len(made.sequences(spec, Normalisation("none"), "train", 100)) == 98
    assert made.warnings == ["channel: 2 of 100 train channels have no energy and are left out"]
    refusing = replace(spec, scenario=scenario.model_copy(update={"samples_without_energy": "refuse"}))
    with pytest.raises(InputError, match="train channel 1 has no energy, expected some"):
        made.sequences(refusing, Normalisation("none"), "train", 100)
    sequences[:] = 0
    with pytest.raises(InputError, match="got 100 train channels, all without energy"):
        made.sequences(spec, Normalisation("none"), "train", 100)


def test_figures_are_those_without_them(blocked: dict[str, Any], run_folder: Run, tmp_path: Path) -> None:
    """What is measured of a sample does not depend on whether another of its block is blocked."""
    blocked["compressors"] = [{"name": "topk"}]
    channels = _channels(60, 2)
    images = np.stack([channels.real, channels.imag], axis=1) / 12 + 0.5
    savemat(tmp_path / "whole.mat", {"HT": images.reshape(60, -1)})
    whole = {**blocked, "channel": {**blocked["channel"], "test_file": str(tmp_path / "whole.mat")}}
    (some,) = (run_folder(blocked, "some") / "samples").iterdir()
    (every,) = (run_folder(whole, "every") / "samples").iterdir()
    left, full = read_samples(some), read_samples(every)
    for (label, metric), values in left.columns.items():
        expected = full.columns[label, metric][:, left.indices()]
        if metric in OF_CELLS:
            # Cells that lack a user have no value; the last row says which have one.
            expected = expected * values[-1]
            assert values[-1].any()
        # Float32 sums whose terms are taken in another order.
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("split", ["test", "train"])
def test_they_are_refused_by_file_and_index(
    blocked: dict[str, Any],
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    split: str,
) -> None:
    blocked["samples_without_energy"] = "refuse"
    if split == "test":
        blocked["compressors"] = [{"name": "identity"}]
    code, _, err = command("run", scenario_file(blocked), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    index = BLOCKED[0] if split == "test" else 1
    assert f"channel.{split}_file: {tmp_path / split}.mat: {split} channel {index} has no energy" in err.replace(
        "\n", ""
    )
    assert "Traceback" not in err


def test_a_test_set_without_any_energy_is_no_result(
    blocked: dict[str, Any],
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
) -> None:
    images = np.full((60, 2 * 4 * 16), 0.5)
    savemat(blocked["channel"]["test_file"], {"HT": images})
    blocked |= {"compressors": [{"name": "identity"}], "sweeps": {"snr": {"snr_db": [0, 10]}}}
    for _ in range(2):  # measured, and kept
        code, _, err = command("run", scenario_file(blocked), "--out", tmp_path / "out", "--workers", "1")
        assert code == 2
        assert (
            f"channel.test_file: {tmp_path}/test.mat: got 60 test channels, all without energy, expected some"
            in " ".join(err.split()).replace("/ ", "/")
        )


def test_runs_that_left_out_different_samples_are_paired_by_index(
    blocked: dict[str, Any], run_folder: Run, command: Callable[..., tuple[int, str, str]]
) -> None:
    file = Path(blocked["channel"]["test_file"])
    images = loadmat(file)["HT"].reshape(60, 2, 4, 16)
    # Nothing in the first delay row: left out where that is all that is kept.
    images[10, :, :, 0] = 0.5
    savemat(file, {"HT": images.reshape(60, -1)})
    blocked["metrics"] = ["rho"]
    folders = [run_folder({**blocked, "transform": {"n_delay": rows}}, str(rows)) for rows in (16, 1)]
    code, out, err = command("compare", *folders, "--metric", "rho")
    assert code == 0, err
    assert "paired" in out


def test_percentiles_over_the_samples(blocked: dict[str, Any], run_folder: Run, command: Callable[..., Any]) -> None:
    folder = run_folder(blocked)
    results = pd.read_csv(folder / "results.csv").set_index(["compressor", "metric"])
    (file,) = (folder / "samples").iterdir()
    columns = read_samples(file).columns
    values = columns["topk", "nmse_db"][0]
    row = results.loc[("topk", "nmse_db")]
    found = [row.p5, row.p50, row.p95]
    # Nine digits are written.
    assert found == pytest.approx(10 * np.log10(np.percentile(values, [5, 50, 95])), rel=1e-8)
    assert results.loc[("topk", "rho"), "p50"] == pytest.approx(np.median(columns["topk", "rho"][0]), rel=1e-8)
    assert results.loc[("topk", "nmse_ratio_db"), ["p5", "p50", "p95"]].isna().all()
    for metric in ("nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz"):
        assert ("topk", metric) in columns
    code, out, _ = command("show", folder, "--metric", "nmse_db", "--percentiles")
    assert code == 0
    for text in ("5th percentile", "median", "95th percentile", f"{row.p50:.2f}".replace("-", "\N{MINUS SIGN}")):
        assert text in out
    # The truncated error is not shown without the one of the whole channel.
    assert "End-to-end NMSE" in out
    assert "Samples left out" in out
