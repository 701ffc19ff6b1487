"""What a run keeps: never taken for what it is not, whatever was replaced, renamed, swept or damaged."""

import copy
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import SafetensorError

from linksim.files import DamagedFileError, checksum_of, load_tensors, save_document, save_tensors
from tests.channels import made_up_links, test_deepmimo_source

Run = Callable[..., Path]

# A generator whose paths are kept, with motion.
CDL: dict[str, Any] = {"source": "sionna", "model": "CDL-C", "n_subcarriers": 16, "n_columns": 4, "speed_m_s": 30}

QUICK: dict[str, Any] = {
    "name": "quick",
    "device": "cpu",
    "seed": 1,
    "channel": CDL,
    "transform": {"n_delay": 4},
    "compressors": [{"name": "topk"}, {"name": "klt"}],
    "metrics": ["nmse_db"],
    "training": {"samples": 50},
    "monte_carlo": {"samples": 50},
}


def figures(folder: Path) -> dict[str, list[float]]:
    """Values by compressor, in the order of the points."""
    table = pd.read_csv(folder / "results.csv")
    return {str(label): list(rows["value"]) for label, rows in table.groupby("compressor")}


def write_hdf5(file: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.standard_normal((2, 100, 4, 4)) * np.exp(-np.arange(4) / (1 + seed))[:, None]
    with h5py.File(file, "w") as out:
        out["X"] = (values[0] + 1j * values[1]).astype(np.complex64)
        out.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 16, "Nt": 4})


def hdf5(folder: Path, seed: int) -> dict[str, Any]:
    write_hdf5(folder / "x.h5", seed)
    return {"source": "hdf5", "file": str(folder / "x.h5"), "train_fraction": 0.5}


def mixture(folder: Path, seed: int) -> dict[str, Any]:
    return {"source": "mixture", "parts": [hdf5(folder, seed), hdf5(folder, seed) | {"normalise": False}]}


def deepmimo(folder: Path, seed: int) -> dict[str, Any]:
    test_deepmimo_source.write(folder / "scene", test_deepmimo_source.made_up_rays(seed))
    small = {"n_subcarriers": 16, "n_columns": 4, "train_fraction": 0.5}
    return {"source": "deepmimo", "folder": str(folder / "scene"), **small}


def quadriga(folder: Path, seed: int) -> dict[str, Any]:
    links = made_up_links.made_up_links(n_links=20)
    for link in links:
        link["coeff"] = link["coeff"] * np.exp(-seed * np.arange(link["coeff"].shape[2]))[:, None]
    next(iter(made_up_links.WRITERS.values()))(folder / "q.mat", links)
    return {"source": "quadriga", "file": str(folder / "q.mat"), "n_subcarriers": 16, "train_fraction": 0.5}


@pytest.mark.parametrize("make", [hdf5, mixture, deepmimo, quadriga])
def test_replaced_channels_give_the_figures_of_a_fresh_folder(
    make: Callable[[Path, int], dict[str, Any]], run_folder: Run, tmp_path: Path
) -> None:
    document = QUICK | {"monte_carlo": {"samples": 10}, "training": {"samples": 10}}
    first = figures(run_folder(document | {"channel": make(tmp_path, 1)}))
    replaced = figures(run_folder(document | {"channel": make(tmp_path, 2)}))
    assert replaced == figures(run_folder(document | {"channel": make(tmp_path, 2)}, "fresh"))
    assert replaced["topk"] != first["topk"]
    assert replaced["klt"] != first["klt"]
    # Back to the first: what was kept of it still holds.
    assert figures(run_folder(document | {"channel": make(tmp_path, 1)})) == first


def test_a_swept_seed_learns_from_its_own_channels(run_folder: Run) -> None:
    swept = figures(run_folder(QUICK | {"sweeps": {"s": {"seed": [1, 2]}}}))
    for number, seed in enumerate((1, 2)):
        alone = figures(run_folder(QUICK | {"seed": seed}, f"alone{seed}"))
        assert alone == {label: [values[number]] for label, values in swept.items()}
        # And what the sweep kept is what a plain run takes over.
        assert figures(run_folder(QUICK | {"seed": seed})) == alone
    assert swept["klt"][0] != swept["klt"][1]


def test_other_labels_keep_results_and_samples(run_folder: Run, tmp_path: Path) -> None:
    run_folder(QUICK)
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("points/*/*")}
    assert len(kept) == 2
    named = QUICK | {"compressors": [{"name": "topk", "label": "klt"}, {"name": "klt", "label": "the optimum"}]}
    folder = run_folder(named)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("points/*/*")} == kept
    fresh = run_folder(named, "fresh")
    assert (folder / "results.csv").read_bytes() == (fresh / "results.csv").read_bytes()
    (mine,), (theirs,) = (list((one / "samples").glob("*.safetensors")) for one in (folder, fresh))
    assert mine.name == theirs.name
    assert load_tensors(mine).sha256 == load_tensors(theirs).sha256


def test_compressors_that_differ_in_their_labels_only_are_both_shown(run_folder: Run) -> None:
    twice = QUICK | {"compressors": [{"name": "topk"}, {"name": "topk", "label": "again"}]}
    for _ in range(2):
        found = figures(run_folder(twice))
        assert found["topk"] == found["again"]


@pytest.mark.parametrize("delays", [[0.1, 0.1000004], [0.1000004, 0.1]])
def test_each_delay_has_its_own_channels(delays: list[float], run_folder: Run) -> None:
    document = QUICK | {"compressors": [{"name": "topk"}], "metrics": ["nmse_e2e_db"]}
    swept = pd.read_csv(run_folder(document | {"sweeps": {"d": {"feedback_delay_s": delays}}}) / "results.csv")
    assert list(swept["feedback_delay_s"]) == delays
    for delay, value in zip(delays, swept["value"], strict=True):
        alone = run_folder(document | {"feedback": {"delay_s": delay}}, f"alone {delay}")
        assert figures(alone)["topk"] == [value]
    assert swept["value"][0] != swept["value"][1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a file of every kind that is kept."""
    from linksim.execution.options import ExecutionOptions
    from linksim.scenario.file import validate_scenario
    from linksim.simulation.engine import RunOptions, run

    out = tmp_path_factory.mktemp("finished")
    options = RunOptions(execution=ExecutionOptions(workers=1))
    run(validate_scenario(copy.deepcopy(LOSSY), "lossy"), out, options)
    return out


LOSSY = QUICK | {
    "transform": {"n_delay": 4, "normalisation": "dataset"},
    "feedback": {"quantiser": {"name": "uniform", "bits": 4}, "link": {"name": "uci", "snr_db": 0}},
}

KINDS = {
    "partial results": "points/*/*.json",
    "sample values": "points/*/*.safetensors",
    "fitted": "fitted/[0-9a-f]*.safetensors",
    "mean channel": "fitted/mean-channel-*.safetensors",
    "normalisation": "fitted/normalisation-*.safetensors",
    "channels": "channels/*/*.safetensors",
}


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    # The last byte of values, or in the middle of a document.
    content[-3 if file.suffix == ".safetensors" else len(content) // 2] ^= 1
    file.write_bytes(content)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip, empty])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_set_aside_and_made_again(
    kind: str,
    damage: Callable[[Path], None],
    finished: Path,
    run_folder: Run,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    damaged = sorted((out / "quick").glob(KINDS[kind]))
    assert damaged, f"{kind}: expected such files"
    for file in damaged:
        damage(file)
    if kind == "channels":
        # They are read where results are missing only.
        shutil.rmtree(out / "quick" / "points")
    (before,) = finished.rglob("results.csv")
    assert (run_folder(LOSSY) / "results.csv").read_bytes() == before.read_bytes()
    lines = [line for line in caplog.messages if "set aside" in line]
    assert len(lines) == len(damaged)
    for file in damaged:
        assert any(str(file) in line for line in lines)
        assert file.with_name(f"{file.name}.damaged").exists()
        assert file.exists()


def test_an_unknown_metric_is_damage(
    finished: Path, run_folder: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("points/*/*.json")
    document = json.loads(file.read_text())
    document.pop("sha256")
    document["measurements"][0]["metric"] = "nmse_in_furlongs"
    save_document(file, document)
    (before,) = finished.rglob("results.csv")
    assert (run_folder(LOSSY) / "results.csv").read_bytes() == before.read_bytes()
    assert "'nmse_in_furlongs', which is unknown" in caplog.text


def test_a_refused_write_names_the_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("linksim.files.save_file", refused)
    with pytest.raises(OSError, match="No space left on device") as caught:
        save_tensors(tmp_path / "x.safetensors", {"x": torch.zeros(3)})
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x.safetensors"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        save_document(tmp_path / "x.json", {"x": 1})
    assert caught.value.filename == str(tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.bool, torch.int64, torch.bfloat16])
def test_every_bit_of_a_tensor_is_checked(dtype: torch.dtype, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    tensors = {"x": torch.arange(3).to(dtype), "empty": torch.zeros(0, 2).to(dtype), "one": torch.tensor(1).to(dtype)}
    save_tensors(file, tensors, {"from": "here"})
    kept = load_tensors(file)
    assert kept.metadata == {"from": "here"}
    assert all(torch.equal(kept.tensors[name], tensor) for name, tensor in tensors.items())
    content = file.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for place in [*range(header, len(content)), content.index(b"here"), content.index(b'"x"') + 1]:
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        if dtype != torch.bool or place < header:
            with pytest.raises(DamagedFileError):
                load_tensors(file)


def test_a_checksum_is_over_what_a_document_says() -> None:
    assert checksum_of({"a": 1, "b": [0.1]}) == checksum_of({"b": [0.1], "a": 1})
    assert checksum_of({"a": 1, "b": [0.1]}) != checksum_of({"a": 1, "b": [0.1000000000000001]})
