"""A scenario on another device than the CPU comes to the figures of the CPU, and its networks are trained there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.simulated_device import simulated_device

_CHANNEL = {"source": "sionna", "model": "UMa", "n_subcarriers": 64, "n_columns": 4, "polarization": "dual"}
_ONE_UE = {
    "estimation": {"name": "ls_comb", "spacing": 4},
    "compressors": [
        {"name": "klt"},
        {"name": "topk", "target_bits": 60},
        {"name": "etype2", "param_combination": 1},
        {"name": "context", "csi": "eigenvectors", "target_bits": 60},
    ],
    "feedback": {"quantiser": {"name": "lloyd_max", "bits": 3}, "link": {"name": "bsc", "flip_rate": 0.01}},
    "metrics": ["nmse_db", "nmse_e2e_db", "sgcs", "rho", "rate_bps_hz", "bits", "report_error_rate"],
}
_OVER_TIME = {
    "channel": _CHANNEL | {"speed_m_s": 3},
    "compressors": [{"name": "identity"}, {"name": "context", "memory": 1, "step": 0.5}],
    "feedback": {"report_period_s": 0.002, "predictor": {"name": "ar"}, "link": {"name": "perfect"}},
}
_CELL = {
    "compressors": [{"name": "topk"}, {"name": "type1"}],
    "multi_user": {"users": 2},
    "precoder": {"name": "mrt_subband", "n_subbands": 4},
    "metrics": ["sum_rate_bps_hz", "rate_bps_hz"],
}


@pytest.mark.parametrize("sections", [_ONE_UE, _OVER_TIME, _CELL], ids=["one UE", "over time", "a cell"])
def test_a_run_comes_to_the_figures_of_the_cpu(
    sections: dict[str, Any], tiny: dict[str, Any], run: Callable[..., pd.DataFrame]
) -> None:
    document = tiny | {"channel": _CHANNEL, "monte_carlo": {"samples": 4}, "training": {"samples": 30}, "sweeps": {}}
    document |= sections
    expected = run(document)
    with simulated_device():
        found = run(document)
    assert len(found) == len(expected) > 0
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4, atol=1e-4)


def test_a_network_is_trained_on_a_device(
    tiny: dict[str, Any],
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    recipe = {"base": "plain", "epochs": 1, "batch_size": 20, "optimiser": "muon"}
    document = tiny | {
        "compressors": [{"name": "csinet", "recipe": recipe}],
        "training": {"samples": 60, "network_samples": 60, "validation_samples": 20, "fresh": True},
        "zoo": str(tmp_path / "zoo"),
        "sweeps": {},
    }
    with simulated_device():
        code, _, err = command("train", scenario_file(document), "--out", tmp_path / "out", "--workers", "1")
    assert code == 0, err
    assert list((tmp_path / "zoo").glob("csinet*.safetensors"))
