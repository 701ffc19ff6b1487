"""Options of ``linksim dataset build``: sizes of splits, what is refused before the first channel."""

from pathlib import Path

import pytest

from channels.dataset.manifest import SPLITS
from linksim.datasets import build as dataset_build
from tests.linksim.test_dataset_cli import BUILD, Command, refused


@pytest.mark.parametrize(
    ("samples", "splits", "counts"),
    [
        (2000, "100,30,20", (1333, 400, 267)),
        (150000, "100,30,20", (100000, 30000, 20000)),
        (10, "1,0,0", (10, 0, 0)),
        (1, "1,1,1", (1, 0, 0)),
        (7, "0.5,0.25,0.25", (3, 2, 2)),
    ],
)
def test_split_sizes(samples: int, splits: str, counts: tuple[int, int, int]) -> None:
    from linksim.cli.dataset import _split_sizes

    sizes = _split_sizes(samples, splits)
    assert sum(sizes.values()) == samples
    assert tuple(sizes[split] for split in SPLITS) == counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "placment=paper"], "--set: placment: unknown key, did you mean 'placement'?"),
        (["--set", "speed_m_s=fast"], "--set: speed_m_s: got 'fast', expected a number"),
        (["--set", "speed_m_s"], "--set: got 'speed_m_s', expected path.to.key=value"),
        (["--set", "source=sionna"], "--set source: got 'sionna', expected --source"),
        (["--set", "line_of_sight=los"], "--set: line_of_sight: got environment indoor"),
        (["--source", "raytracer"], "--source: got 'raytracer', expected one of cost2100"),
        (["--splits", "1,2"], "--splits: got '1,2', expected train,validation,test proportions"),
        (["--splits", "1,-2,3"], "--splits: got '1,-2,3'"),
        (["--splits", "0,0,0"], "--splits: got '0,0,0'"),
        (["--n-delay", "65"], "--n-delay: got 65, expected 1 to 64"),
        (["--samples", "0"], "--samples"),
        (["--device", "tpu"], "--device"),
        (["--set", "environment=nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_options_are_one_line(command: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    refused(command, message, *BUILD[1:], *arguments, "--out", tmp_path / "set.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_output(command: Command, tmp_path: Path) -> None:
    refused(command, f"--out: got the folder {tmp_path}, expected the name of a file", *BUILD[1:], "--out", tmp_path)


def test_a_disk_without_room_is_noticed_before_the_first_channel(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """220 + 66 + 44 matrices of 8 x 8 and 44 of 125 x 8, 8 bytes an entry: 509 KiB, twice."""
    usage = dataset_build.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(dataset_build.shutil, "disk_usage", lambda folder: usage._replace(free=1_041_919))
    code, out, err = command(*BUILD, "--out", tmp_path / "x.h5")
    assert (code, out) == (2, "")
    assert "x.h5: got 1017 KiB free on its disk, expected 1018 KiB: the file, and its parts" in err
    monkeypatch.setattr(dataset_build.shutil, "disk_usage", lambda folder: usage._replace(free=1_041_920))
    assert command(*BUILD, "--out", tmp_path / "x.h5")[0] == 0
