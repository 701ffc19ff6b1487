"""`linksim train` with a longer budget goes on from where the rate of a shorter one began to fall."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from linksim.preparation.training_log import read_log


def test_validations_of_the_shorter_budget_are_not_made_again(
    tiny: dict[str, Any],
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("linksim.report.figures.learning_curves.write_learning_curves", lambda *_, **__: None)
    # By default trainings of so few steps take smaller ones, each budget its own.
    recipe = {
        "full_rate_steps": None,
        "batch_size": 20,
        "schedule": "hold",
        "warmup": 0.1,
        "warmup_steps": 2,
        "validations": 20,
    }
    tiny |= {"sweeps": {}, "compressors": [{"name": "csinet"}], "zoo": str(tmp_path / "zoo")}
    tiny["training"] |= {"recipe": recipe, "network_samples": 100}
    train = ("train", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1", "--budget")
    assert command(*train, "400samples")[0] == 0
    (folder,) = {file.parent for file in (tmp_path / "out").rglob("log.csv")}
    short = read_log(folder)
    code, _, error = command(*train, "800samples", "--again")
    assert code == 0, error
    longer = read_log(folder)
    # 14 of 20 steps were taken before it fell; each was validated.
    until = [row.samples for row in short if row.samples <= 280]
    assert until == [0, *range(20, 281, 20)]
    assert [(row.samples, row.seconds) for row in longer if row.samples <= 280] == [
        (row.samples, row.seconds) for row in short if row.samples <= 280
    ]
    assert (longer[-1].samples, longer[-1].spent) == (800, 1)
    assert [row.spent for row in longer] == pytest.approx([row.samples / 800 for row in longer])
