"""Channel files that a scenario cannot have: one clear line on standard error, exit code 2, no traceback."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from tests.channels.made_up_links import WRITERS, made_up_links
from tests.linksim import stage_digits
from tests.linksim.test_bad_input import Command, ScenarioFile, assert_one_line


def _mat_channel(tmp_path: Path, images: Any) -> dict[str, Any]:
    scipy.io.savemat(tmp_path / "ht.mat", {"HT": images})
    return {"source": "mat", "test_file": str(tmp_path / "ht.mat")}


def _images(n: int) -> Any:
    return np.random.default_rng(0).uniform(0.2, 0.8, (n, 2048)).astype(np.float32)


def test_bad_mat_files(tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path) -> None:
    tiny |= {"compressors": [{"name": "topk"}], "transform": {"n_delay": 32}, "sweeps": {}}
    bad = _images(60)
    bad[7, 9] = np.nan
    cases = {
        "NaN": bad,
        "2048": _images(60)[:, :2000],
        "60 test channels": _images(60),
    }
    for part, images in cases.items():
        tiny["channel"] = _mat_channel(tmp_path, images)
        tiny["monte_carlo"] = {"samples": 61 if part.startswith("60") else 60}
        assert_one_line(command("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1"), part)


def test_truncated_hdf5(tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "channels.h5"
    with h5py.File(file, "w") as h5:
        h5["X"] = np.ones((60, 32, 32), np.complex64)
        h5.attrs.update(fc=28e9, B=20e6, Nc=1024, Nt=32)
    file.write_bytes(file.read_bytes()[:5000])
    tiny |= {"channel": {"source": "hdf5", "file": str(file)}, "transform": {"n_delay": 32}, "sweeps": {}}
    assert_one_line(command("run", scenario_file(tiny), "--out", tmp_path / "out"), "channels.h5")


def test_validate_reads_every_sample(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    links = made_up_links(n_links=9)
    links[7]["coeff"][0, 0, 0, -1] = float("nan")
    WRITERS["hdf5_write"](tmp_path / "links.h5", links)
    channel = {"source": "quadriga", "file": str(tmp_path / "links.h5"), "n_subcarriers": 64, "train_fraction": 0.5}
    path = scenario_file({**tiny, "channel": channel, "sweeps": {}, "monte_carlo": {"samples": 2}})
    code, _, err = command("validate", path)
    assert code == 2
    assert "links.h5: link 8: coeff: got NaN or infinity, expected finite numbers" in " ".join(err.split())


def test_no_more_delay_rows_than_a_file_has(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "channels.h5"
    with h5py.File(file, "w") as h5:
        h5["X"] = np.ones((60, 16, 32), np.complex64)
        h5.attrs.update(fc=28e9, B=20e6, Nc=1024, Nt=32)
    tiny |= {"channel": {"source": "hdf5", "file": str(file)}, "transform": {"n_delay": 32}, "sweeps": {}}
    assert_one_line(command("run", scenario_file(tiny), "--out", tmp_path / "out"), "transform.n_delay", "32", "16")


@pytest.mark.parametrize("source", ["hdf5", "response", "quadriga", "deepmimo", "mat"])
def test_what_has_no_training_channels_is_told_the_key_by_validate(
    source: str, tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path
) -> None:
    section = {"source": source, **stage_digits.source_section(source, tmp_path)}
    tiny |= {
        "channel": section,
        "transform": {"n_delay": 3},
        "compressors": [{"name": "klt"}],
        "metrics": ["nmse_db"],
        "monte_carlo": {"samples": 2},
        "sweeps": {},
    }
    key = "train_file" if source == "mat" else "train_fraction"
    where = f"klt: got no train channels, expected some: it has to learn (key channel.{key})"
    assert_one_line(command("validate", scenario_file(tiny)), where)
