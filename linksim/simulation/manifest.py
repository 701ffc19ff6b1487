"""The manifest of a run: where its results come from."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from linksim.chain.downlink_overhead import overhead_of
from linksim.chain.stage_times import StageTimes
from linksim.preparation.estimator_fit import EstimatorRecord
from linksim.preparation.learning_record import LearningRecord
from linksim.scenario.model import Scenario


def manifest_of(
    scenario: Scenario,
    started: datetime,
    times: StageTimes,
    command: str,
    device: torch.device,
    records: Sequence[LearningRecord],
    estimators: Sequence[EstimatorRecord],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Everything that a reader needs to know of a run beside its scenario.

    Args:
        scenario: the resolved scenario.
        started: when the run began.
        times: wall time by stage, over all workers.
        command: what the user typed.
        device: what it computed on.
        records: what its compressors have learnt from.
        estimators: what its UEs' estimators have learnt from.
        warnings: what a reader of the results should know of their validity, a line each.
    """
    packages = ("linksim", "torch", "sionna-no-rt", "numpy", "scipy", "pandas", "h5py", "matplotlib")
    return {
        "scenario": scenario.name,
        "description": scenario.description,
        "command": command,
        "warnings": list(warnings),
        "downlink_overhead": {name: round(share, 6) for name, share in vars(overhead_of(scenario)).items()},
        "seed": scenario.seed,
        "samples": scenario.monte_carlo.samples,
        "git_commit": _git_commit(),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": len(os.sched_getaffinity(0)),
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        },
        "compressors": [record.document() for record in records],
        "estimators": [record.document() for record in estimators],
        "wall_time_s": {name: round(seconds, 2) for name, seconds in times.seconds.items()},
    }


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
