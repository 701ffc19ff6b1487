"""Quick fits as tasks: which there are, and that they leave the same files wherever they run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from linksim.execution.executor import InProcess
from linksim.files import load_tensors
from linksim.preparation import quick_fit
from linksim.preparation.prepare import Preparation
from linksim.preparation.scheme_spec import planned
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.storage.run_folder import RunFolder

# Two that share channels, two that make bits of their own, and one that learns nothing.
COMPRESSORS: list[dict[str, Any]] = [
    {"name": "klt"},
    {"name": "context", "target_bits": 40},
    {"name": "klt", "label": "klt 2", "compression_ratio": 32},
    {"name": "context", "label": "context 60", "target_bits": 60},
    {"name": "identity"},
]


class Recorded(InProcess):
    """Runs tasks in this process, and notes them."""

    def __init__(self) -> None:
        super().__init__()
        self.fits: list[tuple[str, ...]] = []

    def run(self, function: Callable[..., Any], tasks: Any) -> Any:
        """As ``Executor.run``."""
        if function is quick_fit.fit_quickly:
            self.fits += [tuple(spec.label for spec in task[0]) for task in tasks]
        return super().run(function, tasks)


def fitted(document: dict[str, Any], out: Path) -> tuple[Recorded, dict[str, dict[str, Any]]]:
    """What is fitted for a scenario, and the files that it leaves."""
    scenario = validate_scenario(document | {"compressors": COMPRESSORS, "training": {"samples": 60}}, "here")
    run, executor = RunFolder(out, scenario), Recorded()
    Preparation(run, executor, torch.device("cpu")).prepare([planned(point, "cpu") for point in points_of(scenario)])
    files = {file.name: load_tensors(file, torch.device("cpu")).tensors for file in run.fitted.iterdir()}
    return executor, {file: {name: each.tolist() for name, each in kept.items()} for file, kept in files.items()}


def test_what_makes_bits_is_a_task_of_its_own_and_others_share_one(
    tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, files = fitted(tiny, tmp_path / "sent")
    assert sorted(sent.fits) == [("context",), ("context 60",), ("klt", "klt 2")]
    # Channels that are too many to be sent are learnt from where they are, and the same is learnt.
    monkeypatch.setattr(quick_fit, "_MAX_SENT_BYTES", 0)
    kept, files_here = fitted(tiny, tmp_path / "kept")
    assert kept.fits == []
    assert files == files_here
