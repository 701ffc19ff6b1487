"""HDF5 files of truncated angular-delay matrices, and bad files in their place."""

import h5py
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.sources.hdf5 import Hdf5Source
from channels.sources.parameters.hdf5 import Hdf5Parameters
from channels.transforms.angular_delay import AngularDelayTransform

ATTRIBUTES = {"fc": 5.3e9, "B": 20e6, "Nc": 64, "Nt": 4}


def matrices(*shape: int) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    return values[0] + 1j * values[1]


@pytest.fixture
def still(tmp_path):
    return write(tmp_path / "still.h5", matrices(10, 8, 4))


@pytest.fixture
def moving(tmp_path):
    return write(tmp_path / "moving.h5", matrices(5, 9, 8, 4), dt=5e-3, v=0.9)


def write(path, values, without=None, **attributes):
    with h5py.File(path, "w") as file:
        file["X"] = values
        file.attrs.update({k: v for k, v in (ATTRIBUTES | attributes).items() if k != without})
    return path


def source(file, **parameters: object) -> Hdf5Source:
    return Hdf5Source(Hdf5Parameters(file=file, **parameters), seed=0, device=torch.device("cpu"))


def csi(channels: Hdf5Source, split: str, start: int, stop: int, snapshots: Snapshots) -> np.ndarray:
    response = channels.read(split, start, stop, snapshots).response
    assert response.dtype == torch.complex64
    assert response.shape == (stop - start, snapshots.n, 64, 4)
    return AngularDelayTransform(channels.grid, channels.array, 8).truncate(response).numpy()


def test_still_channels_come_back(still):
    channels = source(still, normalise=False)
    assert channels.n_samples("test") == 10
    # Two unitary DFTs of up to 64 points in float32.
    np.testing.assert_allclose(csi(channels, "test", 2, 5, Snapshots())[:, 0], matrices(10, 8, 4)[2:5], atol=3e-6)


@pytest.mark.parametrize(("interval_s", "step"), [(5e-3, 1), (10e-3, 2), (20e-3, 4)])
def test_snapshots_at_multiples_of_the_step(moving, interval_s, step):
    read = csi(source(moving, normalise=False), "test", 1, 3, Snapshots.every(interval_s, 3))
    np.testing.assert_allclose(read, matrices(5, 9, 8, 4)[1:3, : 2 * step + 1 : step], atol=3e-6)


def test_one_scale_per_moving_ue(moving):
    response = source(moving).read("test", 0, 5, Snapshots.every(5e-3, 9)).response
    power = response.abs().square().mean(dim=(2, 3))
    torch.testing.assert_close(power[:, 0], torch.ones(5), rtol=1e-5, atol=0)
    assert (power[:, 1:] - 1).abs().min() > 1e-4


def test_splits_are_contiguous_and_disjoint(still):
    channels = source(still, train_fraction=0.6, validation_fraction=0.1, normalise=False)
    counts = [channels.n_samples(split) for split in ("train", "validation", "test")]
    assert counts == [6, 1, 3]
    rows = [
        csi(channels, s, 0, n, Snapshots())[:, 0] for s, n in zip(("train", "validation", "test"), counts, strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(rows), matrices(10, 8, 4), atol=3e-6)


@pytest.mark.parametrize(("train", "validation"), [(0.7, 0.3), (0.1, 0.2), (1.0, 0.0), (0.29, 0.71)])
def test_splits_cover_the_file(tmp_path, train, validation):
    channels = source(
        write(tmp_path / "x.h5", matrices(100, 8, 4)), train_fraction=train, validation_fraction=validation
    )
    counts = [channels.n_samples(split) for split in ("train", "validation", "test")]
    assert counts == [round(100 * train), round(100 * validation), 100 - round(100 * train) - round(100 * validation)]


def refused(match: str, file, snapshots: Snapshots = Snapshots(), stop: int = 1) -> None:  # noqa: B008
    with pytest.raises(ChannelInputError, match=match) as caught:
        source(file).read("test", 0, stop, snapshots)
    assert "\n" not in str(caught.value)


def test_snapshots_that_a_file_lacks_are_refused(still, moving):
    refused("got 2 snapshots, expected 1", still, Snapshots.every(5e-3, 2))
    refused("apart, expected a multiple of dt, 0.005 s", moving, Snapshots.every(7e-3, 2))
    refused("expected at most 0.04 s in all", moving, Snapshots.every(5e-3, 10))


@pytest.mark.parametrize("name", [*ATTRIBUTES, "dt"])
@pytest.mark.parametrize("value", [None, "28 GHz", -1.0, np.nan, [1.0, 2.0]])
def test_wrong_attributes_are_refused(tmp_path, name, value):
    attributes = {"dt": 5e-3} | ({} if value is None else {name: value})
    file = write(tmp_path / "x.h5", matrices(3, 2, 8, 4), without=name if value is None else None, **attributes)
    refused(f"attribute {name}.*expected a positive number", file)


@pytest.mark.parametrize("name", ["Nc", "Nt"])
def test_counts_are_whole_numbers(tmp_path, name):
    values = matrices(3, 8, 4)
    source(write(tmp_path / "x.h5", values, **{name: float(ATTRIBUTES[name])}))
    file = write(tmp_path / "y.h5", values, **{name: ATTRIBUTES[name] + 0.4})
    refused(f"attribute {name}: got {ATTRIBUTES[name]}.4, expected a whole number", file)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (matrices(3, 8), "X: got complex64 of shape"),
        (matrices(3, 2, 2, 8, 4), "X: got complex64 of shape"),
        (matrices(0, 8, 4), "X: got complex64 of shape"),
        (matrices(3, 8, 4).real, "X: got float32 of shape"),
        (np.complex64(1), "X: got complex64 of shape"),
        (matrices(3, 8, 5), "X: got 5 columns, expected 4"),
        (matrices(3, 65, 4), "X: got 65 rows, expected at most Nc, 64"),
        (np.full((3, 8, 4), np.nan, np.complex64), "X: got NaN or infinity"),
    ],
)
def test_wrong_matrices_are_refused(tmp_path, values, match):
    refused(match, write(tmp_path / "x.h5", values))


@pytest.mark.parametrize("member", ["a group", h5py.SoftLink("/nothing"), h5py.ExternalLink("other.h5", "/X")])
def test_what_is_no_dataset_is_not_called_one(tmp_path, member):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        if isinstance(member, str):
            file.create_group("X")
        else:
            file["X"] = member
    refused("got X as a group or link, expected a dataset in the file itself", tmp_path / "x.h5")


def test_other_files_are_refused(tmp_path, still):
    refused("no such file", tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("X\n1\n")
    refused("text.h5: cannot be read as HDF5", tmp_path / "text.h5")
    (tmp_path / "empty.h5").write_bytes(b"")
    refused("empty.h5: cannot be read as HDF5", tmp_path / "empty.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["Y"] = 1
    refused("got the datasets Y, expected X", tmp_path / "y.h5")


def test_links_to_other_files_are_refused(tmp_path, still):
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["X"] = h5py.ExternalLink(str(still), "X")
        file.attrs.update(ATTRIBUTES)
    refused("got X as a group or link", tmp_path / "link.h5")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path, share):
    whole = write(tmp_path / "whole.h5", matrices(100, 8, 4)).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: int(share * len(whole))])
    refused("cut.h5", tmp_path / "cut.h5", stop=100)


@pytest.mark.parametrize("parameters", [{"train_fraction": 1.2}, {"train_fraction": 0.7, "validation_fraction": 0.5}])
def test_wrong_fractions_are_refused(parameters):
    with pytest.raises(ValidationError, match="train_fraction"):
        Hdf5Parameters(file="x.h5", **parameters)


def test_reference_file_keeps_its_matrices(reference_data):
    file = reference_data / "quad_nlos28_20.h5"
    if not file.exists():
        pytest.skip(f"no {file.name}")
    channels = source(file, normalise=False)
    assert (channels.grid.n_subcarriers, channels.array.n_tx, channels.grid.carrier_hz) == (1024, 32, 28e9)
    read = channels.read("test", 990, 1000, Snapshots()).response[:, 0]
    with h5py.File(file) as reference:
        expected = reference["X"][990:1000]
    recovered = AngularDelayTransform(channels.grid, channels.array, 32).truncate(read).numpy()
    assert np.linalg.norm(recovered - expected) < 1e-5 * np.linalg.norm(expected)
