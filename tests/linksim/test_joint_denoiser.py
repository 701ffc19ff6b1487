"""A denoiser that trains networks on: what it changes is its own."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]

DNNNET = {"name": "dnnnet", "width": 16, "epochs": 2, "joint": {"epochs": 2, "batch_size": 50}}


@pytest.fixture
def noisy(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    tiny["compressors"] = [{"name": "klt"}, {"name": "csinet", "disturbance": {"snr_db": [0, 20]}}]
    tiny["compressors"] += [{"name": "csinet", "label": "of eigenvectors", "csi": "eigenvectors"}]
    tiny["training"]["recipe"] = {"epochs": 2, "batch_size": 50}
    tiny["zoo"] = str(tmp_path / "zoo")
    tiny["monte_carlo"]["samples"] = 100
    tiny["sweeps"] = {"noise": {"feedback_snr_db": [0], "feedback.denoiser": [{"name": "none"}, DNNNET]}}
    return tiny


def results(command: Command, file: Path, out: Path, *options: str) -> pd.DataFrame:
    code, _, error = command("run", file, "--train", "--out", out, *options)
    assert code == 0, error
    (table,) = out.rglob("results.csv")
    return pd.read_csv(table)


@pytest.mark.usefixtures("without_report")
def test_what_is_trained_on_stays_with_its_denoiser(
    noisy: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    both = results(command, scenario_file(noisy), tmp_path / "both", "--workers", "1")
    weights, _ = sorted((tmp_path / "zoo").glob("csinet-*.safetensors"))
    kept = hashlib.sha256(weights.read_bytes()).hexdigest()
    errors = both[both.metric == "nmse_db"].set_index("compressor")
    for compressor in ("klt", "csinet"):
        plain, denoised = errors.loc[compressor].to_dict("records")
        assert (plain["feedback.denoiser"], denoised["feedback.denoiser"][:6]) == ("none", "dnnnet")
        assert denoised["ci_high"] < plain["ci_low"]
    assert (
        both[(both.metric == "sgcs") & (both.compressor == "of eigenvectors")].value.between(0, 1).tolist()
        == [True] * 2
    )
    noisy["sweeps"] = {"noise": {"feedback_snr_db": [0]}}
    alone = results(command, scenario_file(noisy), tmp_path / "alone", "--workers", "1")
    same = both[both["feedback.denoiser"] == "none"].drop(columns="feedback.denoiser").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same, check_exact=True)
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == kept
