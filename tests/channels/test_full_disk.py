"""Data sets on a full disk: one line that names the file, nothing half written, and the same file afterwards."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from channels.dataset.csinet_export import export_csinet
from channels.dataset.file import DatasetFile, verify
from channels.errors import ChannelInputError
from channels.formats.output_file import hdf5_output
from tests.channels.made_up_dataset import made_up_arrays, made_up_plan, write_dataset


@contextmanager
def files_end_at(n_bytes: int) -> Iterator[None]:
    """No file can become larger: the kernel refuses the write, as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    plan = made_up_plan()
    return write_dataset(tmp_path_factory.mktemp("built") / "x.h5", plan, made_up_arrays(plan))


# The plan has about 1 KiB, a shard 500 bytes or, of hf_all, 8 KiB, the whole file 40 KiB.
@pytest.mark.parametrize("n_bytes", [0, 100, 600, 1500, 3000, 9000, 12000, 20000, 30000])
def test_a_build_is_refused_and_continues(tmp_path, built, n_bytes):
    plan = made_up_plan()
    path = tmp_path / "x.h5"
    with files_end_at(n_bytes), pytest.raises(ChannelInputError, match=r"x\.h5.*: cannot be written: File") as caught:
        write_dataset(path, plan, made_up_arrays(plan))
    assert "\n" not in str(caught.value)
    assert not path.exists()
    # Only what is finished is left: the plan, the lock, the journal and whole shards.
    left = {file.name for file in (tmp_path / "x.h5.partial").iterdir()}
    assert {name for name in left if not name.endswith(".npy")} <= {"plan.json", ".lock", "journal.jsonl"}
    write_dataset(path, plan, made_up_arrays(plan))
    assert path.read_bytes() == built.read_bytes()
    verify(path)


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("n_bytes", [0, 300, 700, 1000, 3000])
def test_an_export_is_refused_and_leaves_nothing(tmp_path, built, version, n_bytes):
    whole = export_csinet(DatasetFile(built), tmp_path / "whole", version, overwrite=False)
    largest = max(file.stat().st_size for file in whole)
    assert n_bytes < largest
    with files_end_at(n_bytes), pytest.raises(ChannelInputError, match=r"\.mat: cannot be written: File") as caught:
        export_csinet(DatasetFile(built), tmp_path / "cut", version, overwrite=False)
    assert "\n" not in str(caught.value)
    assert all(file.stat().st_size <= n_bytes for file in (tmp_path / "cut").iterdir())


def write_something(file: h5py.File) -> None:
    for number in range(40):
        file.create_dataset(f"x{number}", data=np.full(300, number), chunks=(100,), track_times=False)


def test_the_stream_gives_the_same_bytes_as_hdf5_itself(tmp_path):
    with h5py.File(tmp_path / "plain.h5", "w", libver="earliest", userblock_size=512) as file:
        write_something(file)
    with hdf5_output(tmp_path / "stream.h5", tmp_path / "stream.h5", libver="earliest", userblock_size=512) as output:
        write_something(output.file)
    assert (tmp_path / "stream.h5").read_bytes() == (tmp_path / "plain.h5").read_bytes()


@pytest.mark.parametrize("n_bytes", range(0, 100_000, 4096))
def test_hdf5_never_notices(tmp_path, n_bytes):
    """Whatever HDF5 writes and reads back after the disk is full; what it makes of a failure it does not survive."""

    def write() -> None:
        with hdf5_output(tmp_path / ".x.h5", tmp_path / "x.h5", libver="earliest") as output:
            write_something(output.file)
            for number in range(40):
                assert (output.file[f"x{number}"][:] == number).all()

    with files_end_at(n_bytes), pytest.raises(ChannelInputError, match=r"/x\.h5: cannot be written"):
        write()
    assert not list(tmp_path.iterdir())
