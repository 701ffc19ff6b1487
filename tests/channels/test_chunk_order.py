"""Files whose chunks run along the samples: every chunk is unpacked once, however few samples a read asks for."""

import math

import h5py
import numpy as np
import pytest
import torch

from channels.channel_batch import Snapshots
from channels.source import SOURCES

N, WIDTH = 230, 24


@pytest.fixture
def unpacked(monkeypatch):
    """Chunks that each read of a dataset has touched, counted over all reads."""
    counts = []
    original = h5py.Dataset.__getitem__

    def counted(self, selection):
        parts = selection if isinstance(selection, tuple) else (selection,)
        parts = (*parts, *[slice(None)] * (self.ndim - len(parts)))
        ranges = [part.indices(size) for part, size in zip(parts, self.shape, strict=True)]
        touched = [-(-stop // size) - start // size for (start, stop, _), size in zip(ranges, self.chunks, strict=True)]
        counts.append(math.prod(touched))
        return original(self, selection)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    return counts


def mat_file(path, chunks):
    images = np.random.default_rng(1).random((N, WIDTH), dtype=np.float32)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("HT", data=images.T, chunks=chunks, compression="gzip")
        dataset.attrs["MATLAB_class"] = np.bytes_("single")
    parameters = {"test_file": path, "n_delay": 3, "n_columns": 4, "n_subcarriers": 16, "normalise": False}
    return "mat", parameters, dataset_chunks(chunks, (WIDTH, N))


def hdf5_file(path, chunks):
    values = np.random.default_rng(1).standard_normal((N, 6, 4)).astype(np.complex64)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=values, chunks=chunks, compression="gzip")
        file.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 16, "Nt": 4})
    return "hdf5", {"file": path, "normalise": False}, dataset_chunks(chunks, values.shape)


def response_file(path, chunks):
    values = np.random.default_rng(1).standard_normal((6, N, 4)).astype(np.complex64)
    with h5py.File(path, "w") as file:
        file.create_dataset("H", data=values, chunks=chunks, compression="gzip")
    axes = {"axes": ("subcarrier", "sample", "port"), "carrier_hz": 3.5e9, "bandwidth_hz": 20e6}
    return "response", {"file": path, **axes}, dataset_chunks(chunks, values.shape)


def dataset_chunks(chunks, shape):
    return math.prod(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))


@pytest.mark.parametrize(
    ("write", "chunks"),
    [
        (mat_file, (1, N)),
        (mat_file, (5, 120)),
        (mat_file, (WIDTH, 7)),
        (hdf5_file, (N, 1, 1)),
        (hdf5_file, (100, 6, 4)),
        (hdf5_file, (1, 6, 4)),
        (response_file, (1, N, 1)),
        (response_file, (2, 64, 3)),
    ],
)
def test_every_chunk_is_unpacked_once(tmp_path, unpacked, write, chunks):
    name, parameters, n_chunks = write(tmp_path / "x.h5", chunks)
    cls = SOURCES.get_class(name)

    def opened():
        return cls(cls.Parameters(**parameters), seed=0, device=torch.device("cpu"))

    whole = opened().read("test", 0, N, Snapshots()).response
    assert sum(unpacked) == n_chunks
    unpacked.clear()
    source = opened()
    parts = [source.read("test", start, min(start + 50, N), Snapshots()).response for start in range(0, N, 50)]
    # Equal up to the order of sums in the transform of another number of samples: rounding of a few float32.
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-5, atol=1e-6)
    assert sum(unpacked) == n_chunks


def test_more_than_may_be_kept_is_read_in_parts(tmp_path, unpacked, monkeypatch):
    name, parameters, n_chunks = mat_file(tmp_path / "x.h5", (1, N))
    # 12 bytes a value: 4 in the file and 8 kept at most; 60 samples at a time.
    monkeypatch.setattr("channels.formats.hdf5_array._KEPT", 60 * 12 * WIDTH)
    cls = SOURCES.get_class(name)
    source = cls(cls.Parameters(**parameters), seed=0, device=torch.device("cpu"))
    whole = torch.cat([source.read("test", start, start + 10, Snapshots()).response for start in range(0, N, 10)])
    assert sum(unpacked) == math.ceil(N / 60) * n_chunks
    with h5py.File(tmp_path / "x.h5") as file:
        images = file["HT"][:].T
    energy = np.square(images - 0.5).sum(1)
    # The transform is unitary; sums of 24 float32.
    np.testing.assert_allclose(whole.abs().square().sum(dim=(1, 2, 3)), energy, rtol=1e-5)
