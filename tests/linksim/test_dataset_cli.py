"""``linksim dataset``: builds that repeat, continue and are refused; what is built serves a scenario."""

import contextlib
import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from channels.dataset import writer as dataset_writer
from channels.dataset.file import DatasetFile, verify
from channels.dataset.manifest import SPLITS, DatasetPlan
from channels.dataset.writer import staging_path, write_shard
from channels.errors import ChannelInputError
from linksim.cli.main import main
from linksim.datasets import build as dataset_build

Command = Callable[..., tuple[int, str, str]]

SMALL = ("--source", "cost2100", "--set", "n_subcarriers=64", "--set", "n_columns=8", "--n-delay", "8")
BUILD = ("dataset", "build", *SMALL, "--samples", "330", "--seed", "7", "--workers", "1", "--batch-size", "50")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that one worker built."""
    file = tmp_path_factory.mktemp("built") / "set.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["linksim", *BUILD, "--out", str(file)])
        with contextlib.suppress(SystemExit):
            main()
    return file


@pytest.mark.validate
def test_two_workers_of_the_real_program_give_the_same_file(built: Path, tmp_path: Path) -> None:
    arguments = [*BUILD, "--out", str(tmp_path / "set.h5")]
    arguments[arguments.index("--workers") + 1] = "2"
    subprocess.run([sys.executable, "-m", "linksim", *arguments], check=True, capture_output=True)
    assert (tmp_path / "set.h5").read_bytes() == built.read_bytes()


def test_other_batches_give_the_same_file(built: Path, command: Command, tmp_path: Path) -> None:
    for batch_size in ("1", "130", "1000"):
        file = tmp_path / f"{batch_size}.h5"
        code, out, err = command(*BUILD, "--batch-size", batch_size, "--out", file)
        assert (code, err) == (0, "")
        assert verify(file).content_hash in out
        assert file.read_bytes() == built.read_bytes()


def test_layout_and_splits(built: Path) -> None:
    manifest = verify(built)
    assert manifest.shapes == {
        "train": (220, 8, 8),
        "validation": (66, 8, 8),
        "test": (44, 8, 8),
        "hf_all": (44, 125, 8),
    }
    assert manifest.parameters["placement"] == "csinet"
    assert manifest.grid.n_subcarriers == 64
    dataset = DatasetFile(built)
    samples = np.concatenate([dataset.read(split, 0, manifest.samples[split]).reshape(-1, 64) for split in SPLITS])
    # No two samples are equal, within splits or across them.
    assert len(np.unique(samples, axis=0)) == 330


def test_another_seed_shares_no_sample(built: Path, command: Command, tmp_path: Path) -> None:
    arguments = [*BUILD, "--out", tmp_path / "8.h5"]
    arguments[arguments.index("--seed") + 1] = "8"
    assert command(*arguments)[0] == 0
    ours, theirs = (DatasetFile(file).read("train", 0, 220) for file in (built, tmp_path / "8.h5"))
    assert not (ours[:, None] == theirs[None]).all(axis=(2, 3)).any()


def test_the_same_command_again_changes_nothing(built: Path, command: Command) -> None:
    before = built.stat()
    code, _, err = command(*BUILD, "--out", built)
    assert code == 0
    assert "already complete" in err
    assert built.stat() == before


def test_info_and_verify(built: Path, command: Command) -> None:
    content_hash = verify(built).content_hash
    code, out, _ = command("dataset", "info", built)
    assert code == 0
    for text in (content_hash, "cost2100", "n_subcarriers", "220 x 8 x 8", "--seed 7"):
        assert text in out
    code, out, _ = command("dataset", "verify", built)
    assert code == 0
    assert content_hash in out


def test_the_command_in_the_manifest_makes_the_data_set(built: Path, command: Command, tmp_path: Path) -> None:
    words = verify(built).command.split()[1:]
    assert command(*words, "--out", tmp_path / "again.h5", "--workers", "1")[0] == 0
    assert (tmp_path / "again.h5").read_bytes() == built.read_bytes()


class _StoppedError(Exception):
    pass


@pytest.mark.parametrize("shards_before", [0, 1, 5, 7])
def test_a_stopped_build_continues(
    shards_before: int, built: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def stopping(*arguments: Any) -> str:
        if len(written) == shards_before:
            raise _StoppedError
        written.append(arguments[1])
        return write_shard(*arguments)

    file = tmp_path / "set.h5"
    with monkeypatch.context() as patch:
        patch.setattr(dataset_build, "write_shard", stopping)
        with pytest.raises(_StoppedError):
            command(*BUILD, "--out", file)
    assert not file.exists()
    made: list[Any] = []
    monkeypatch.setattr(dataset_build, "write_shard", lambda *a: (made.append(a[1]), write_shard(*a))[1])
    assert command(*BUILD, "--out", file)[0] == 0
    # 5 + 2 + 1 + 1 shards of 50 samples, none of them made twice.
    assert len(made) == 9 - shards_before
    assert not set(made) & set(written)
    assert file.read_bytes() == built.read_bytes()
    assert not staging_path(file).exists()


@pytest.mark.parametrize("step", ["hash_content", "_sync", "discard"])
def test_a_build_stopped_at_its_end_continues(
    step: str, built: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the file is written, before it gets its name, and after."""

    def stop(*arguments: Any) -> None:
        if step != "_sync" or arguments[0].name == "assembled.h5":
            raise _StoppedError
        original(*arguments)

    file = tmp_path / "set.h5"
    owner = DatasetPlan if step == "hash_content" else dataset_writer
    original = getattr(owner, step)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, stop)
        with pytest.raises(_StoppedError):
            command(*BUILD, "--out", file)
    assert file.exists() == (step == "discard")
    if step == "hash_content":
        with pytest.raises(ChannelInputError):
            verify(staging_path(file) / "assembled.h5")
    assert command(*BUILD, "--out", file)[0] == 0
    assert file.read_bytes() == built.read_bytes()
    assert not staging_path(file).exists()


def refused(command: Command, message: str, *arguments: str | Path) -> None:
    code, out, err = command("dataset", *arguments)
    assert code == 2
    assert message in err
    assert err.startswith("linksim: ")
    assert err.count("\n") == 1
    assert out == ""


def test_a_stopped_build_is_not_continued_otherwise(
    built: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "set.h5"
    with monkeypatch.context() as patch:
        patch.setattr(dataset_build, "write_shard", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            command(*BUILD, "--out", file)
    other = [*BUILD[1:], "--set", "placement=paper", "--out", file]
    refused(command, "begun with other parameters: parameters.placement: got 'paper', expected 'csinet'", *other)
    assert command("dataset", *other, "--force")[0] == 0
    assert verify(file).parameters["placement"] == "paper"
    refused(command, "exists, made with other parameters: parameters.placement", *BUILD[1:], "--out", file)
    assert command(*BUILD, "--out", file, "--force")[0] == 0
    assert file.read_bytes() == built.read_bytes()


def test_a_damaged_file_is_refused_everywhere(built: Path, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "set.h5"
    content = built.read_bytes()
    data = DatasetFile(built).read("train", 3, 4).tobytes()
    position = content.index(data)
    file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    for arguments in (["verify", file], ["export", file, "--out", tmp_path / "mat"], [*BUILD[1:], "--out", file]):
        refused(command, "train: SHA-256", *arguments)
    assert not (tmp_path / "mat").exists()
    file.write_bytes(content[: len(content) // 2])
    refused(command, "truncated or damaged", "info", file)


def test_files_are_sources_too(built: Path, command: Command, tmp_path: Path) -> None:
    """The images of an export, built into a data set again."""
    code, out, err = command("dataset", "export", built, "--format", "csinet-mat", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert "images are 2 x 8 x 8 (angles x delays), not 2 x 32 x 32 as in CsiNet" in out
    arguments = ["build", "--source", "mat", "--set", f"test_file={tmp_path / 'DATA_Htestin.mat'}"]
    arguments += ["--set", f"hf_all_file={tmp_path / 'DATA_HtestFin_all.mat'}", "--set", "n_columns=8"]
    arguments += ["--set", "n_delay=8", "--n-delay", "8", "--workers", "1", "--out", tmp_path / "mat.h5"]
    refused(command, "got 29 train samples, expected at most the 0", *arguments, "--samples", "44")
    assert command("dataset", *arguments, "--samples", "44", "--splits", "0,0,1", "--hf-all")[0] == 0
    manifest = verify(tmp_path / "mat.h5")
    assert set(manifest.inputs) == {"test_file", "hf_all_file"}
    read, original = (DatasetFile(file).read("hf_all", 0, 44) for file in (tmp_path / "mat.h5", built))
    assert np.array_equal(read, original)


def test_a_source_without_hf_all_is_refused(built: Path, command: Command, tmp_path: Path) -> None:
    arguments = ["build", "--source", "dataset", "--set", f"file={built}", "--n-delay", "8", "--samples", "30"]
    arguments += ["--workers", "1", "--splits", "1,0,0"]
    assert command("dataset", *arguments, "--out", tmp_path / "a.h5")[0] == 0
    assert not verify(tmp_path / "a.h5").hf_all
    without = ["build", "--source", "dataset", "--set", f"file={tmp_path / 'a.h5'}", "--n-delay", "8"]
    without += ["--workers", "1", "--samples", "1", "--splits", "0,0,1", "--hf-all", "--out", tmp_path / "b.h5"]
    refused(command, "got 1 test samples, expected at most the 0 there are", *without)


@pytest.mark.usefixtures("without_report")
def test_rho_of_a_perfect_reconstruction(
    command: Command, tmp_path: Path, scenario_file: Callable[[dict[str, Any]], Path]
) -> None:
    """Indoors 32 delay rows of CsiNet's grid hold 96 % of the energy, and the rest lies where the band ends."""
    arguments = ["--source", "cost2100", "--set", "environment=indoor", "--samples", "50", "--splits", "0,0,1"]
    assert command("dataset", "build", *arguments, "--workers", "1", "--out", tmp_path / "set.h5")[0] == 0
    assert command("dataset", "export", tmp_path / "set.h5", "--out", tmp_path)[0] == 0
    files = {"test_file": "DATA_Htestin.mat", "hf_all_file": "DATA_HtestFin_all.mat"}
    scenario = {
        "name": "exported",
        "channel": {"source": "mat"} | {key: str(tmp_path / name) for key, name in files.items()},
        "estimation": {"name": "perfect"},
        "compressors": [{"name": "identity"}],
        "metrics": ["rho_hf_all"],
        "monte_carlo": {"samples": 50},
    }
    code, _, err = command("run", scenario_file(scenario), "--out", tmp_path, "--workers", "1")
    assert code == 0, err
    (results,) = tmp_path.glob("exported/*/results.csv")
    (row,) = csv.DictReader(results.read_text().splitlines())
    assert 0.99 < float(row["value"]) < 1


@pytest.mark.usefixtures("without_report")
def test_a_scenario_runs_on_a_data_set(
    built: Path, command: Command, tmp_path: Path, scenario_file: Callable[[dict[str, Any]], Path]
) -> None:
    expect = {"source": "cost2100", "parameters": {"n_subcarriers": 64, "n_columns": 8}}
    scenario = {
        "name": "stored",
        "channel": {"source": "dataset", "file": str(built), "expect": expect},
        "transform": {"n_delay": 8},
        "compressors": [{"name": "identity"}, {"name": "klt"}],
        "metrics": ["nmse_db", "rho_hf_all"],
        "monte_carlo": {"samples": 44},
        "training": {"samples": 200, "validation_samples": 50},
    }
    code, _, err = command("run", scenario_file(scenario), "--out", tmp_path, "--workers", "1")
    assert code == 0, err
    (results,) = tmp_path.glob("stored/*/results.csv")
    assert "rho_hf_all" in results.read_text()
    resolved = yaml.safe_load((results.parent / "scenario.yaml").read_text())
    assert resolved["channel"]["file"] == str(built)
    expect["parameters"]["n_columns"] = 16
    code, _, err = command("validate", scenario_file(scenario))
    assert code == 2
    assert "made with other parameters: parameters.n_columns: got 8, expected 16" in err
