"""Every way in which a file becomes channels, for tests that all readers have to pass."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.source import SOURCES, Source
from tests.channels import made_up_links, test_deepmimo_source, test_response_source
from tests.channels.made_up_dataset import made_up_arrays, made_up_plan, write_dataset

ATTRIBUTES = {"fc": 5.3e9, "B": 20e6, "Nc": 64, "Nt": 4}
SMALL_IMAGES = {"n_delay": 3, "n_columns": 4, "n_subcarriers": 16}


def matrices(*shape: int) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    return values[0] + 1j * values[1]


def images(n: int = 7) -> np.ndarray:
    return np.random.default_rng(1).random((n, 24), dtype=np.float32)


def write_hdf5(path: Path, **storage: object) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("X", **({"data": matrices(6, 8, 4)} | storage))
        file.attrs.update(ATTRIBUTES)


def write_hdf5_packed(path: Path) -> None:
    write_hdf5(path, chunks=(2, 8, 2), compression="gzip", shuffle=True, fletcher32=True)


def write_mat(path: Path) -> None:
    scipy.io.savemat(path, {"HT": images()})


def write_mat_packed(path: Path) -> None:
    scipy.io.savemat(path, {"HT": images()}, do_compression=True)


def write_mat_73(path: Path, **storage: object) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("HT", **({"data": images().T, "chunks": (5, 3), "compression": "gzip"} | storage))
        dataset.attrs["MATLAB_class"] = np.bytes_("single")


def write_links(layout: str) -> Callable[[Path], None]:
    return lambda path: made_up_links.WRITERS[layout](path, made_up_links.made_up_links(n_links=2))


def write_scenario(suffix: str) -> Callable[[Path], None]:
    """A DeepMIMO scenario of which ``path`` is one file."""

    def write(path: Path) -> None:
        rays = {key: values[:9] for key, values in test_deepmimo_source.made_up_rays().items()}
        test_deepmimo_source.write(path.parent, rays, suffix)
        (path.parent / f"power_{test_deepmimo_source.NAME}.{suffix}").rename(path)

    return write


def write_response(name: str) -> Callable[[Path], None]:
    return lambda path: test_response_source.WRITERS[name](path, test_response_source.channels())


def write_built(path: Path) -> None:
    plan = made_up_plan()
    write_dataset(path, plan, made_up_arrays(plan))


@dataclass(frozen=True)
class Reader:
    """One way in which a file becomes channels: the source, its parameters, and how a good file is written."""

    source: str
    write: Callable[[Path], None]
    name: str = "channels.mat"
    key: str = "file"
    parameters: tuple[tuple[str, object], ...] = ()

    def open(self, path: Path) -> Source:
        parameters = dict(self.parameters) | {self.key: path.parent if self.key == "folder" else path}
        cls = SOURCES.get_class(self.source)
        return cls(cls.Parameters(**parameters), seed=0, device=torch.device("cpu"))

    def read(self, path: Path) -> torch.Tensor:
        return self.open(path).read("test", 0, 2, Snapshots()).response


QUADRIGA = (("n_subcarriers", 16),)
DEEPMIMO = (("n_subcarriers", 16), ("n_columns", 4))
IMAGES = tuple(SMALL_IMAGES.items())
RESPONSE = (("carrier_hz", 3.5e9), ("bandwidth_hz", 20e6), ("axes", test_response_source.ORDER))
READERS = {
    "hdf5": Reader("hdf5", write_hdf5, "channels.h5"),
    "hdf5, gzip": Reader("hdf5", write_hdf5_packed, "channels.h5"),
    "mat 5": Reader("mat", write_mat, key="test_file", parameters=IMAGES),
    "mat 7": Reader("mat", write_mat_packed, key="test_file", parameters=IMAGES),
    "mat 7.3": Reader("mat", write_mat_73, key="test_file", parameters=IMAGES),
    **{
        f"quadriga, {layout}": Reader("quadriga", write_links(layout), parameters=QUADRIGA)
        for layout in made_up_links.WRITERS
    },
    **{
        f"deepmimo, {suffix}": Reader(
            "deepmimo", write_scenario(suffix), f"power_{test_deepmimo_source.NAME}.{suffix}", "folder", DEEPMIMO
        )
        for suffix in ("npz", "npy", "mat")
    },
    **{
        f"response, {name}": Reader("response", write_response(name), name, parameters=RESPONSE)
        for name in test_response_source.WRITERS
    },
    "dataset": Reader("dataset", write_built, "channels.h5"),
}


def refused(reader: Reader, path: Path, match: str = ".") -> None:
    with pytest.raises(ChannelInputError, match=match) as caught:
        reader.read(path)
    assert "\n" not in str(caught.value)
    assert path.name.partition(".")[0] in str(caught.value)
