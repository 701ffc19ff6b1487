"""``linksim dataset compare`` and ``linksim show-channel`` on small sources, and one line for bad input."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from channels.channel_batch import Snapshots
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.datasets.comparison import compare
from linksim.datasets.input import open_channel, with_distinct_labels
from linksim.datasets.sample import energy_kept, read_matrices, read_tracks
from linksim.report.tables.channel_comparison import write_csv

Command = Callable[..., tuple[int, str, str]]

SIONNA = {"source": "sionna", "n_subcarriers": 128, "n_columns": 8}
COST = {"source": "cost2100", "n_subcarriers": 128, "n_columns": 8}
FIGURES = ("mean_matrix", "profiles", "samples", "sparsity", "spreads")


@pytest.fixture
def section(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, document: dict[str, Any], **keys: Any) -> Path:
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**document, **keys}))
        return file

    return write


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.usefixtures("without_layout")
def test_compare_two_generators(command: Command, section: Callable[..., Path], tmp_path: Path) -> None:
    a, b = section("uma", SIONNA, speed_m_s=3), section("indoor", COST, speed_m_s=1)
    code, out, err = command("dataset", "compare", a, b, "--samples", "20", "--out", tmp_path / "out")
    assert code == 0, err
    assert "20 samples" in out
    assert "within B" in out
    for figure in (*FIGURES, "temporal"):
        for kind in ("png", "pdf"):
            assert (tmp_path / "out" / f"{figure}.{kind}").stat().st_size > 2000
    rows = rows_of(tmp_path / "out" / "comparison.csv")
    assert {row["set_a"] for row in rows} == {"uma"}
    assert sum(float(row["a"]) for row in rows if row["statistic"] == "delay profile") == pytest.approx(1)
    assert sum(float(row["b"]) for row in rows if row["statistic"] == "angle profile") == pytest.approx(1)
    spread = next(row for row in rows if row["statistic"] == "RMS delay spread")
    assert float(spread["a_low"]) < float(spread["a"]) < float(spread["a_high"])
    # 16 snapshots per wavelength of the faster one: c / 28 GHz / 16 / 3 m/s.
    assert next(row["at"] for row in rows if row["statistic"] == "correlation") == "0.223 ms"


def test_compare_a_set_with_itself(section: Callable[..., Path], tmp_path: Path) -> None:
    file = section("indoor", COST)
    comparison = compare(*with_distinct_labels(open_channel(file, "test"), open_channel(file, "test")), 10, seed=1)
    write_csv(comparison, tmp_path / "comparison.csv")
    rows = rows_of(tmp_path / "comparison.csv")
    assert {row["set_b"] for row in rows} == {"indoor (B)"}
    assert all(float(row["difference_standard_errors"]) == 0 for row in rows if row["difference_standard_errors"])
    assert comparison.a.track is None


def test_compare_arrays_of_different_size(command: Command, section: Callable[..., Path]) -> None:
    code, out, err = command(
        "dataset", "compare", section("a", COST), section("b", COST, n_columns=4), "--samples", "5"
    )
    assert code == 0, err
    assert "sliced Wasserstein distance: none, matrices of (32, 8) and (32, 4)" in out


def test_compare_files(command: Command, reference_data: Path, section: Callable[..., Path]) -> None:
    indoor = reference_data / "DATA_Htest_indoor_cost2100_N2000.mat"
    code, out, err = command("dataset", "compare", indoor, reference_data / "quad_nlos28_20.h5", "--samples", "40")
    assert code == 0, err
    assert "quad_nlos28_20" in out
    # A track that a generator follows at the file's own times.
    moving = section("uma", {"source": "sionna", "carrier_hz": 5.3e9, "speed_m_s": 0.9})
    code, out, err = command("dataset", "compare", moving, reference_data / "quad_t53_v0.9.h5", "--samples", "4")
    assert code == 0, err
    assert "correlation, 5 ms" in out


def test_energy_kept_is_that_of_the_transform(command: Command, section: Callable[..., Path], tmp_path: Path) -> None:
    built = tmp_path / "built.h5"
    code, _, err = command(
        "dataset", "build", "--source", "cost2100", "--set", "n_subcarriers=128", "--set", "n_columns=8",
        "--samples", "9", "--splits", "1,1,1", "--out", built, "--workers", "1", "--no-hf-all", "--n-delay", "16",
    )  # fmt: skip
    assert code == 0, err
    for file in (section("cost", COST), built):
        channels = open_channel(file, "test")
        csi = read_matrices(channels, 3, 16)
        source = open_channel(section("cost", COST), "test").source
        response = source.read("test", 0, 3, Snapshots()).response[:, 0]
        expected = AngularDelayTransform(source.grid, source.array, 16).energy_kept(response)
        kept = energy_kept(channels, csi)
        # float32 transforms by two ways.
        assert kept is not None
        assert kept.tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    assert energy_kept(open_channel(section("raw", COST, normalise=False), "test"), csi) is None


def test_tracks_start_with_the_matrices(section: Callable[..., Path]) -> None:
    for name, document in (("sionna", SIONNA), ("cost", COST)):
        channels = open_channel(section(name, document, speed_m_s=5), "test")
        tracks = read_tracks(channels, 0, 3, 32, channels.snapshots(1))
        assert tracks.shape == (3, 17, 32, 8)
        # float32 by two ways, entries up to about 10.
        assert torch.allclose(tracks[:, 0], read_matrices(channels, 3, 32), atol=1e-4)


@pytest.mark.usefixtures("without_layout")
def test_show_channel(command: Command, section: Callable[..., Path], tmp_path: Path) -> None:
    file = section("link", COST)
    code, out, err = command("show-channel", file, "--sample", "3", "--speed", "2", "--out", tmp_path / "out")
    assert code == 0, err
    assert "link_test_3.png" in out
    for kind in ("png", "pdf"):
        assert (tmp_path / "out" / f"link_test_3.{kind}").stat().st_size > 5000


@pytest.mark.usefixtures("without_layout")
def test_show_channel_of_a_scenario_and_of_files(
    command: Command,
    tiny: dict[str, Any],
    scenario_file: Callable[..., Path],
    reference_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is drawn there is tested above.
    monkeypatch.setattr("linksim.report.view.style.write_pdf", lambda _, file: file.write_bytes(b""))
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda _, file, **__: Path(file).write_bytes(b""))
    scenario = scenario_file(tiny)
    code, _, err = command("show-channel", scenario, "--set", "channel.n_columns=4", "--out", tmp_path)
    assert code == 0, err
    file = reference_data / "quad_t53_v0.9.h5"
    code, out, err = command("show-channel", file, "--sample", "1", "--out", tmp_path)
    assert code == 0, err
    assert "quad_t53_v0.9_test_1.pdf" in out


@pytest.mark.parametrize(
    ("name", "content", "arguments", "expected"),
    [
        ("none.yaml", None, (), "no such file"),
        ("none.h5", None, (), "no such file"),
        ("none.mat", None, (), "no such file"),
        ("a.csv", "1", (), "got a file named *.csv, expected a scenario or channel section"),
        ("a.h5", "text", (), "cannot be read as HDF5"),
        ("a.yaml", "source: nonsense", (), "source: got 'nonsense'"),
        ("a.yaml", "model: UMa", (), "source: missing"),
        ("a.yaml", "{source: sionna, modle: UMa}", (), "modle: unknown key, did you mean 'model'"),
        ("a.yaml", "source: sionna", ("--set", "n_rows=0"), "n_rows: got 0"),
        ("a.yaml", "source: sionna", ("--set", "n_rows"), "--set: got 'n_rows'"),
        ("a.yaml", "source: sionna", ("--split", "all"), "--split"),
        ("a.yaml", "{source: mat, test_file: none.mat}", ("--speed", "3"), "--speed"),
    ],
)
def test_bad_input_is_one_line(
    name: str, content: str | None, arguments: tuple[str, ...], expected: str, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    code, _, err = command("show-channel", file, *arguments, "--out", tmp_path)
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1
    if not arguments:
        assert command("dataset", "compare", file, file)[0] == 2


def test_samples_that_are_not_there(command: Command, reference_data: Path, tmp_path: Path) -> None:
    file = reference_data / "quad_nlos28_20.h5"
    code, _, err = command("show-channel", file, "--sample", "1000", "--out", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "--sample: got 1000, expected 0 to 999" in err
    code, _, err = command("dataset", "compare", file, file, "--split", "train")
    assert (code, err.count("\n")) == (2, 1)
    assert "got no train samples" in err
    slow, fast = reference_data / "quad_t53_v0.9.h5", reference_data / "quad_nlos28_20.h5"
    code, _, err = command("show-channel", slow, "--split", "train", "--out", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = command("show-channel", fast, "--speed", "1", "--out", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "--speed" in err
