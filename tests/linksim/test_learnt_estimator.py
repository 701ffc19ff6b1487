"""Statistics that the UE's estimator learns: kept once, from training channels, whatever the workers and batches."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from channels.channel_batch import Snapshots
from channels.training_moments import TrainingMoments
from linksim.execution.executor import InProcess
from linksim.files import load_tensors, save_tensors
from linksim.preparation import estimator_fit
from linksim.preparation.estimator_fit import estimator_file, estimator_records, fit_estimator, training_moments
from linksim.report.tables.learning import learning_rows, learnt_from_line
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of

# Seen from the folder of a run.
FITTED = "../fitted"

RunTiny = Callable[..., Path]


@pytest.fixture
def learning(tiny: dict[str, Any]) -> dict[str, Any]:
    """A tiny scenario whose estimator learns, and nothing else."""
    return tiny | {
        "estimation": {"name": "lmmse", "spacing": 8},
        "compressors": [{"name": "identity"}],
        "metrics": ["estimation_nmse_db", "nmse_e2e_db"],
        "transform": {"n_delay": 8, "normalisation": "none"},
    }


def _scenario(document: dict[str, Any], **changes: Any) -> Scenario:
    return validate_scenario(copy.deepcopy(document | changes), "here")


def test_moments_are_those_of_training_channels_in_their_order(learning: dict[str, Any]) -> None:
    scenario = _scenario(learning)
    response = source_of(scenario).read("train", 0, 70, Snapshots()).response[:, 0]
    found, expected = training_moments(scenario, 0, 70), TrainingMoments.of(response, 8)
    np.testing.assert_array_equal(found.pilots, expected.pilots)
    # Sums over 70 channels in another order, in double precision.
    np.testing.assert_allclose(found.across_subcarriers, expected.across_subcarriers, rtol=1e-10, atol=1e-10)


def test_a_fit_for_each_comb_and_none_for_each_snr(
    learning: dict[str, Any], run_folder: RunTiny, without_report: None
) -> None:
    learning["sweeps"] = {"all": {"snr_db": [0, 20], "estimation.spacing": [4, 8]}}
    assert len(list((run_folder(learning) / FITTED).glob("estimator-*"))) == 2


def test_one_sequence_of_tasks_whatever_executes_them(
    learning: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks that finish in another order give the same file, and one that is there is not made again."""

    class LastFirst(InProcess):
        def run(self, function: Any, tasks: Any) -> Any:
            return reversed(list(super().run(function, tasks)))

    monkeypatch.setattr(estimator_fit, "_TASK_SIZE", 50)
    scenario, checksums = _scenario(learning), []
    for number, executor in enumerate((InProcess(), LastFirst())):
        folder = tmp_path / str(number)
        folder.mkdir()
        fit_estimator(scenario, folder, executor)
        checksums.append(load_tensors(estimator_file(scenario, folder)).sha256)
    assert len(set(checksums)) == 1
    monkeypatch.setattr(estimator_fit, "training_moments", None)
    fit_estimator(scenario, tmp_path / "0", InProcess())


def test_batches_change_no_digit(learning: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    learning["sweeps"] = {}
    other = run(learning, "--set", "monte_carlo.batch_size=7")
    pd.testing.assert_frame_equal(other, run(learning), check_exact=True)


def test_it_beats_least_squares_and_knows_the_mean_without_pilots(
    learning: dict[str, Any], run: Callable[..., pd.DataFrame]
) -> None:
    learning["sweeps"] = {"all": {"estimation.name": ["lmmse", "ls_comb"], "estimation.snr_db": [-90, 0]}}
    table = run(learning)
    errors = table[table.metric == "estimation_nmse_db"].set_index(["estimation.name", "estimation.snr_db"]).value
    assert errors["lmmse", 0] < errors["ls_comb", 0]
    # A mean over 150 channels of random phases: about 1/150 of their power is all that is wrong with no estimate.
    assert errors["lmmse", -90] == pytest.approx(10 * np.log10(1 + 1 / 150), abs=0.05)


def test_results_know_the_statistics_that_they_were_made_with(
    learning: dict[str, Any], run_folder: RunTiny, without_report: None
) -> None:
    learning["sweeps"] = {}
    folder = run_folder(learning)
    (file,) = (folder / FITTED).glob("estimator-*")
    before = pd.read_csv(folder / "results.csv").value
    kept = load_tensors(file)
    save_tensors(file, kept.tensors | {"power": torch.zeros_like(kept.tensors["power"])}, kept.metadata)
    after = pd.read_csv(run_folder(learning) / "results.csv").value
    assert not np.allclose(before, after)
    # A damaged file is set aside, and made anew.
    file.write_bytes(b"damaged")
    pd.testing.assert_series_equal(pd.read_csv(run_folder(learning) / "results.csv").value, before)


def test_a_run_says_what_its_estimator_learnt_from(
    learning: dict[str, Any], run_folder: RunTiny, without_report: None
) -> None:
    learning["sweeps"] = {"all": {"snr_db": [0, 20]}}
    for samples, warns in ((99, True), (100, False)):
        learning["training"] = learning.get("training", {}) | {"samples": samples}
        folder = run_folder(learning)
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["estimators"] == [{"estimator": "lmmse", "learnt_from": samples}]
        assert any("lmmse learnt from 99" in line for line in manifest["warnings"]) == warns
        line = learnt_from_line(pd.read_csv(folder / "results.csv"), manifest)
        assert line.endswith(f"lmmse (estimator): {samples}")
        assert learning_rows(manifest)[-1][:3] == ["lmmse (estimator)", "", str(samples)]


def test_training_channels_without_energy_are_told_of(learning: dict[str, Any], tmp_path: Path) -> None:
    channels = np.ones((30, 16, 4), dtype=np.complex64)
    channels[:3] = 0
    np.save(tmp_path / "h.npy", channels)
    learning["channel"] = {
        "source": "response",
        "file": str(tmp_path / "h.npy"),
        "axes": ["sample", "subcarrier", "tx"],
        "carrier_hz": 3.5e9,
        "bandwidth_hz": 20e6,
        "train_fraction": 0.9,
    }
    scenario = _scenario(learning)
    fit_estimator(scenario, tmp_path, InProcess())
    (record,) = estimator_records([scenario, scenario], tmp_path)
    assert record.looked_at is not None
    assert record.learnt_from is not None
    assert record.learnt_from < record.looked_at
    left_out = record.looked_at - record.learnt_from
    assert f"channel: {left_out} of {record.looked_at} train channels have no energy and are left out" in [
        *record.warnings()
    ]


def test_no_training_channels_in_one_line(
    learning: dict[str, Any], command: Any, scenario_file: Any, tmp_path: Path
) -> None:
    np.save(tmp_path / "h.npy", np.ones((20, 16, 4), dtype=np.complex64))
    learning["channel"] = {
        "source": "response",
        "file": str(tmp_path / "h.npy"),
        "axes": ["sample", "subcarrier", "tx"],
        "carrier_hz": 3.5e9,
        "bandwidth_hz": 20e6,
        "train_fraction": 0,
    }
    learning |= {"sweeps": {}, "monte_carlo": {"samples": 10}}
    code, _, err = command("validate", scenario_file(learning))
    assert code == 2
    assert "estimation: got no train channels, expected some: lmmse has to learn" in err
    assert "Traceback" not in err
