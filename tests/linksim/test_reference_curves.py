"""Curves that no compressor is behind: from a run's own training channels, kept with the run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from feedback.transform_coding.gaussian_source import gaussian_distortion
from linksim.scenario.file import validate_scenario
from linksim.scenario.true_channels import truncated_channels
from linksim.storage.reference_curves import read_reference_curves

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]


@pytest.fixture
def asking(tiny: dict[str, Any]) -> dict[str, Any]:
    """Two sizes of the matrix, each at two SNRs, of which no training channel knows."""
    return tiny | {
        "reference_curves": ["gaussian_source"],
        "metrics": ["nmse_db", "bits"],
        "compressors": [{"name": "topk", "compression_ratio": 8}],
        "feedback": {"quantiser": {"name": "uniform", "bits": 4}},
        "monte_carlo": {"samples": 10},
        "training": {"samples": 150},
        "sweeps": {"sizes": {"transform.n_delay": [4, 8], "snr_db": [0, 20]}},
    }


def test_the_curve_is_that_of_the_runs_training_channels(
    asking: dict[str, Any], run_folder: Callable[..., Path]
) -> None:
    folder = run_folder(asking)
    curves = read_reference_curves(folder)
    assert [(curve.channels, curve.dimensions) for curve in curves] == [(150, 32), (150, 64)]
    for curve, n_delay in zip(curves, (4, 8), strict=True):
        places = [(sweep, axes["transform.n_delay"], axes["snr_db"]) for sweep, axes in curve.points]
        assert places == [("sizes", n_delay, 0), ("sizes", n_delay, 20)]
        # The same channels, and their covariance by the plain formula.
        at = validate_scenario(asking | {"sweeps": {}, "transform": {"n_delay": n_delay}}, "here")
        csi = torch.from_numpy(truncated_channels(at, "train", 0, 150)).flatten(1).to(torch.complex128)
        unit = csi / torch.linalg.vector_norm(csi, dim=1, keepdim=True)
        variances = torch.linalg.eigvalsh(unit.T @ unit.conj() / 150)
        for bits, value in zip(curve.bits, curve.values, strict=True):
            # Eigenvalues from products in complex64 differ by some 1e-7 of the largest, which holds a tenth or more.
            distortion = gaussian_distortion(variances.clamp_min(0), bits)
            assert 10 ** (value / 10) == pytest.approx(distortion, rel=1e-3, abs=1e-6)
    assert np.all(np.diff(curves[0].values) < 0)
    # Results do not depend on it; the same run without it has none.
    assert run_folder(asking | {"reference_curves": []}) == folder
    assert read_reference_curves(folder) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"metrics": ["sgcs"]}, "reference_curves: got gaussian_source without the metric nmse_db"),
        ({"reference_curves": ["shannon"]}, "reference_curves.0: got 'shannon', expected one of 'gaussian_source'"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(
    asking: dict[str, Any], changes: dict[str, Any], line: str, command: Command, scenario_file: ScenarioFile
) -> None:
    code, _, err = command("validate", scenario_file(asking | changes))
    assert (code, len(err.splitlines())) == (2, 1)
    assert line in err
