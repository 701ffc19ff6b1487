"""``linksim train`` as a user runs it: weights, logs, curves, budgets, fresh channels, kills, several processes."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from feedback.checkpoint import save_checkpoint
from feedback.training.loop import train
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet
from linksim.errors import InputError
from linksim.scenario.training_budget import budget_override

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]


@pytest.fixture
def small(tiny: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    tiny["channel"] = {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8}
    tiny["compressors"] = [{"name": "csinet"}]
    tiny["zoo"] = str(tmp_path / "zoo")
    tiny["training"] |= {"recipe": {"epochs": 4, "validations": 1, "batch_size": 50}}
    tiny["sweeps"] = {}
    return tiny


def document(folder: Path) -> dict[str, Any]:
    (file,) = (folder / "zoo").glob("*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def log(out: Path) -> pd.DataFrame:
    (file,) = (out / "training").glob("*/*/log.csv")
    return pd.read_csv(file)


def test_leaves_weights_log_events_and_curves(
    small: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, _, error = command("train", scenario_file(small), "--out", out, "--workers", "1")
    assert code == 0, error
    rows = log(out)
    assert rows["samples"].tolist() == [0, 150, 300, 450, 600]
    assert document(tmp_path)["validation_nmse_db"] == pytest.approx(
        min(rows["validation_nmse_db"].min(), document(tmp_path)["start_nmse_db"]), abs=1e-6
    )
    assert len(list((out / "training").glob("*/*/events.*"))) == 1
    assert not list((out / "training").glob("*/*/state.pt"))
    assert (out / "training" / "tiny" / "learning_curves.png").stat().st_size > 1000


def test_budget_overrides_the_recipe(
    small: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    code, _, error = command(
        "train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1", "--budget", "200samples"
    )
    assert code == 0, error
    found = document(tmp_path)
    assert found["samples_seen"] == 200
    assert found["recipe"]["samples"] == 200
    assert found["recipe"]["epochs"] is None


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("50epochs", "{epochs: 50}"),
        ("1 epoch", "{epochs: 1}"),
        ("3000samples", "{samples: 3000}"),
        ("2.5min", "{minutes: 2.5}"),
    ],
)
def test_budgets_as_users_write_them(text: str, setting: str) -> None:
    assert budget_override(text) == f"training.budget={setting}"


@pytest.mark.parametrize("text", ["", "50", "epochs", "-1epochs", "0min", "1.5samples", "2 hours"])
def test_budgets_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget: got"):
        budget_override(text)


def test_fresh_channels_need_a_generator(
    small: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    small["training"]["fresh"] = True
    assert command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")[0] == 0
    assert document(tmp_path)["training"]["fresh"] is True
    built = tmp_path / "set.h5"
    assert command(
        "dataset", "build", "--source", "cost2100", "--set", "environment=indoor", "--set", "n_subcarriers=64",
        "--set", "n_columns=8", "--n-delay", "8", "--samples", "300", "--seed", "1", "--out", built,
    )[0] == 0  # fmt: skip
    small["channel"] = {"source": "dataset", "file": str(built)}
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert "training.fresh: got true with a source of" in error


@pytest.mark.validate
def test_killed_training_goes_on_at_the_same_digits(small: dict[str, Any], tmp_path: Path) -> None:
    small["training"] |= {"recipe": {"epochs": 40, "validations": 1, "batch_size": 50}}
    weights = []
    for run in ("whole", "killed"):
        folder = tmp_path / run
        folder.mkdir()
        small["zoo"] = str(folder / "zoo")
        (folder / "scenario.yaml").write_text(yaml.safe_dump(small))
        # The state is kept after every validation instead of every 20 s.
        program = (
            "import feedback.training.loop as loop, sys; loop._STATE_INTERVAL_S = 0.0;"
            "from linksim.__main__ import main; sys.argv[0] = 'linksim'; main()"
        )
        arguments = ["train", str(folder / "scenario.yaml"), "--out", str(folder), "--workers", "1"]
        start = [sys.executable, "-c", program, *arguments]
        if run == "killed":
            process = subprocess.Popen(start, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while not (states := list(folder.glob("training/*/*/state.pt"))):
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert states[0].exists()
        subprocess.run(start, check=True, capture_output=True, env=os.environ)
        (file,) = (folder / "zoo").glob("*.safetensors")
        weights.append(file.read_bytes())
        assert log(folder)["samples"].tolist() == list(range(0, 40 * 150 + 1, 150))
    assert weights[0] == weights[1]


def test_memory_is_flat_in_the_number_of_epochs() -> None:
    epochs, rows = 12, 1000
    peaks = []

    def stream(start: int, stop: int) -> torch.Tensor:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        generator = torch.Generator().manual_seed(start)
        return torch.randn(stop - start, 32, 32, dtype=torch.complex64, generator=generator)

    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2048, 4))
    decoder = torch.nn.Sequential(torch.nn.Linear(4, 2048), torch.nn.Unflatten(1, (2, 32, 32)))
    first = stream(0, rows)
    training = TrainingSet(first, first[:50], stream)
    train(encoder, decoder, training, TrainingRecipe(epochs=epochs, batch_size=100), torch.Generator().manual_seed(1))
    epoch_bytes = first.numel() * first.element_size()
    # Two epochs are in flight at once, and the allocator may keep as much freed; nine more epochs kept would be 9.
    assert peaks[-1] - peaks[2] < 5 * epoch_bytes


def test_weights_that_cannot_be_kept_are_noticed_before_training(
    small: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    small["zoo"] = str(tmp_path / "file" / "zoo")
    monkeypatch.setattr("linksim.preparation.networks.train_network", lambda task: pytest.fail("trained"))
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert error == (
        f"linksim: {tmp_path}/scenario.yaml: zoo: cannot write to {tmp_path}/file/zoo (Not a directory), expected a "
        "writable folder for what is to be learnt\n"
    )
    # CsiNet of 2 x 8 x 8 values at 1/4: two matrices of 128 x 32 in float32 and some more, and 1 MiB for the rest.
    full = SimpleNamespace(free=2**20)
    monkeypatch.setattr("linksim.preparation.output_room.shutil.disk_usage", lambda folder: full)
    small["zoo"] = str(tmp_path / "zoo")
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert (code, len(error.splitlines())) == (2, 1)
    assert re.search(rf"zoo: got 1\.0 MB of room in {tmp_path}/zoo, expected 1\.1 MB", error)


def test_weights_are_kept_elsewhere_where_the_zoo_fails_after_all(
    small: dict[str, Any],
    scenario_file: ScenarioFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.parent.name == "zoo":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return save_checkpoint(path, *arguments, **options)

    monkeypatch.setattr("linksim.preparation.network_training.save_checkpoint", full)
    small["training"]["recipe"] = {"epochs": 0}
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert code == 2
    assert "No space left on device, expected to keep there what was learnt; it is in " in error
    (kept,) = (tmp_path / "out" / "training").glob("*/*/*.safetensors")
    assert str(kept) in error
    # What was kept is whole: in the zoo, it is found.
    for file in kept.parent.glob(f"{kept.stem}.*"):
        (tmp_path / "zoo" / file.name).write_bytes(file.read_bytes())
    monkeypatch.undo()
    code, out, _ = command("zoo", "verify", "--zoo", tmp_path / "zoo")
    assert (code, "1 networks" in out) == (0, True)


def test_a_network_that_ends_at_its_start_says_so(
    small: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    # Steps so large that every validation is worse than the start.
    small["training"]["recipe"] = {"epochs": 1, "batch_size": 50, "learning_rate": 1.0, "fc_rate_ratio": 1.0}
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--workers", "1")
    assert code == 0, error
    assert "WARNING: csinet at CR 4: training did not improve on the start" in error
    code, out, _ = command("zoo", "list", "--zoo", tmp_path / "zoo")
    assert code == 0
    assert "WARNING: training did not improve on the start of csinet-cr4-" in out.replace("\n", "")
    assert "(start)" in out


@pytest.mark.validate
def test_two_processes_share_a_network(
    small: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    code, _, error = command("train", scenario_file(small), "--out", tmp_path / "out", "--devices", "2")
    assert code == 0, error
    found = document(tmp_path)
    assert found["samples_seen"] == 600
    assert found["validation_nmse_db"] < found["start_nmse_db"] + 0.01
