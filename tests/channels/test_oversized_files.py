"""Files that declare more than they hold, or unpack to more than they should.

Every reader gives one line that names the file, before it allocates what the file asks for.
"""

import json
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from channels.bounds import memory_bound, require_items, require_memory, require_ratio, require_stored, size_text
from channels.errors import ChannelInputError
from tests.channels.file_readers import ATTRIBUTES, READERS, refused, write_hdf5, write_links, write_scenario

MIB = 1 << 20
# More than what may be packed without question, 64 MiB.
_BOMB = 80 * MIB


# Zeros, packed: a thousandth of their size.
def zeros(n_bytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(n_bytes // MIB)) + packer.flush()


def write_version_5(path: Path, matlab_class: int, name: bytes, shape: tuple[int, int], part: bytes, body: int) -> None:
    """A compressed variable with a header and ``body`` bytes of zeros."""
    inside = (
        np.array([6, 8, matlab_class, 0, 5, 8, *shape, 1, len(name)], "<u4").tobytes() + name.ljust(8, b"\0") + part
    )
    inside = np.array([14, len(inside) + body], "<u4").tobytes() + inside
    packer = zlib.compressobj(9)
    packed = packer.compress(inside)
    packed += b"".join(packer.compress(bytes(MIB)) for _ in range(body // MIB)) + packer.flush()
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(header + np.array([15, len(packed)], "<u4").tobytes() + packed)


def bomb_of_numbers(path: Path) -> None:
    n_rows = _BOMB // (8 * 24)
    write_version_5(path, 6, b"HT", (n_rows, 24), np.array([9, n_rows * 24 * 8], "<u4").tobytes(), _BOMB)


def bomb_of_cells(path: Path) -> None:
    write_version_5(path, 1, b"s", (1, _BOMB // 8), b"", _BOMB)


def bomb_in_a_chunk(path: Path) -> None:
    write_hdf5(path, chunks=(6, 8, 4), compression="gzip")
    with h5py.File(path, "r+") as file:
        file["X"].id.write_direct_chunk((0, 0, 0), zeros(_BOMB))


def declared(name: str, shape: tuple[int, ...], dtype: str, **storage: object) -> Callable[[Path], None]:
    """A dataset of which nothing has been written, in place of the one that is read."""

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset(name, shape, dtype, **storage)
            file.attrs.update(ATTRIBUTES)

    return write


def many_subcarriers(path: Path) -> None:
    write_hdf5(path)
    with h5py.File(path, "r+") as file:
        file.attrs["Nc"] = 1e9


def large_order(path: Path) -> None:
    write_links("hdf5_write")(path)
    with h5py.File(path, "r+") as file:
        del file["Order"]
        file.create_dataset("Order", (1_350_000_000,), "u4")


def large_cells(path: Path) -> None:
    write_links("cell array, version 7.3")(path)
    with h5py.File(path, "r+") as file:
        del file["c"]
        file.create_dataset("c", (1_000_000_000,), h5py.ref_dtype)


def large_coefficients(path: Path) -> None:
    write_links("mat_save, version 7.3")(path)
    with h5py.File(path, "r+") as file:
        del file["channel_00001_Coeffs"]
        file.create_dataset("channel_00001_Coeffs", (3, 500_000_000, 4, 2), "f8").attrs["MATLAB_class"] = b"double"


def npy_header(text: str) -> bytes:
    body = text.encode("latin1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + np.uint16(len(body)).tobytes() + body


def header_in_npy(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_scenario("npy")(path)
        path.write_bytes(npy_header(text) + bytes(144))

    return write


def bomb_in_npz(path: Path) -> None:
    write_scenario("npz")(path)
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({_BOMB // 16}, 4), }}"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{path.name.partition('_')[0]}.npy", "w") as member,
    ):
        member.write(npy_header(text))
        for _ in range(_BOMB // MIB):
            member.write(bytes(MIB))


def bomb_in_response_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("H.npy", "w") as member:
        member.write(npy_header(f"{{'descr': '<c8', 'fortran_order': False, 'shape': ({_BOMB // 64}, 2, 2, 1, 2), }}"))
        for _ in range(_BOMB // MIB):
            member.write(bytes(MIB))


def large_response(path: Path) -> None:
    path.write_bytes(npy_header("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3, 10000000000, 2, 4), }"))


def pickle_in_npy(path: Path) -> None:
    write_scenario("npy")(path)
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)


def long_parameters(path: Path) -> None:
    write_scenario("npy")(path)
    (path.parent / "params.json").write_text(json.dumps({"filling": "x" * (17 * MIB)}))


OVERSIZE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "Nc": ("hdf5", many_subcarriers, "attribute Nc: got 1000000000, expected at most 65536"),
    "nothing written": ("hdf5", declared("X", (10**9, 8, 4), "c8"), "X: got 0 B in the file, expected 238.4 GiB"),
    "no chunk written": (
        "hdf5",
        declared("X", (100, 8, 4), "c8", chunks=(50, 8, 4), compression="gzip"),
        "X: got 0 of its 2 chunks in the file",
    ),
    "no room for chunks": (
        "hdf5, gzip",
        declared("X", (10**12, 8, 4), "c8", chunks=(50, 8, 4), compression="gzip"),
        "X: got .* in the file, expected 149 GiB",
    ),
    "large chunks": (
        "hdf5, gzip",
        declared("X", (6, 8, 4 * 10**6), "c8", chunks=(6, 8, 4 * 10**6), compression="gzip"),
        r"X: a chunk of 6 x 8 x 4000000: got .* GiB, expected at most 64 MiB of memory",
    ),
    "bomb in a chunk": ("hdf5, gzip", bomb_in_a_chunk, "X: got a chunk that unpacks to more than the 1.5 KiB"),
    "numbers": ("mat 7", bomb_of_numbers, "HT: got 80 MiB or more packed into [0-9.]+ KiB, expected at most 100 times"),
    "sparse 7.3": ("mat 7.3", declared("HT", (24, 10**10), "f4"), "HT: got 0 B in the file, expected 894.1 GiB"),
    "cells": ("quadriga, cell array, version 7", bomb_of_cells, "s: got 80 MiB or more packed into"),
    "references": ("quadriga, cell array, version 7.3", large_cells, "c: got 0 B in the file, expected 7.45"),
    "coefficients": ("quadriga, mat_save, version 7.3", large_coefficients, "Coeffs: got 0 B in the file, expected 89"),
    "Order": ("quadriga, hdf5_write", large_order, "Order: got 0 B in the file, expected 5.029 GiB"),
    "response npz": ("response, x.npz", bomb_in_response_npz, "H: got 80 MiB or more packed into"),
    "response npy": ("response, x.npy", large_response, "x.npy: got 0 B in the file, expected 3.492 TiB"),
    "response 7.3": (
        "response, x73.mat",
        declared("H", (4, 2, 5, 3, 10**10), "c8", chunks=(4, 2, 5, 3, 50), compression="gzip"),
        "H: got .* in the file, expected 1.49 GiB",
    ),
    "npz": ("deepmimo, npz", bomb_in_npz, "power: got 80 MiB or more packed into"),
    "parameters": ("deepmimo, npy", long_parameters, "params.json: got 17 MiB, expected at most 16 MiB"),
    "pickle": ("deepmimo, npy", pickle_in_npy, "got values of type object, expected numbers"),
    **{
        f"npy {number}": ("deepmimo, npy", header_in_npy(text), match)
        for number, (text, match) in enumerate(
            [
                ("{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000, 4), }", "got 144 B in the file"),
                ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }", r"got the shape \(-1, 4\)"),
                ("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4), }", r"got the shape \(True, 4\)"),
                ("{'descr': '<f4', 'fortran_order': False, 'shape': 3, }", "cannot be read as a NumPy array"),
                ("{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }", "got values of type object"),
                ("{'descr': '<f4', 'shape': (3, 4), }", "cannot be read as a NumPy array"),
                ("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4", "cannot be read as a NumPy array"),
                ("{'descr': 'é', 'fortran_order': False, 'shape': (3, 4)}", "cannot be read as a NumPy array"),
                ("(" * 100, "cannot be read as a NumPy array"),
                ("-" * 100 + "1", "cannot be read as a NumPy array"),
                (
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4 - 1)}",
                    "got a damaged header, expected one of",
                ),
                ("\x00", "cannot be read as a NumPy array"),
            ]
        )
    },
}


@pytest.mark.parametrize("case", OVERSIZE)
def test_what_is_declared_is_checked_before_it_is_read(tmp_path, monkeypatch, case):
    name, write, match = OVERSIZE[case]
    reader = READERS[name]
    path = tmp_path / reader.name
    write(path)
    # Modules that asked for the bound by name ask this one, too.
    for module in ("channels.bounds", "channels.formats.hdf5_array"):
        monkeypatch.setattr(f"{module}.memory_bound", lambda: 64 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(ChannelInputError, match=match) as caught:
            reader.read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    # Python's own objects, zlib's window, and the 16 MiB that are never asked for.
    assert peak < 24 * MIB


def test_cells_without_end_take_no_time(tmp_path):
    """As many empty cells as 64 MiB hold are walked through neither: a bound counts them."""
    path = tmp_path / "channels.mat"
    write_version_5(path, 1, b"s", (1, 8 * MIB), b"", 64 * MIB - MIB)
    refused(READERS["quadriga, cell array, version 7"], path, "cells, structs or fields, expected at most 4194304|MiB")


def test_the_bounds_and_their_edges(monkeypatch):
    monkeypatch.setattr("channels.bounds.memory_bound", lambda: 100 * MIB)
    require_memory(100 * MIB, "x")
    with pytest.raises(ChannelInputError, match=r"^x: got 100 MiB, expected at most 100 MiB of memory$"):
        require_memory(100 * MIB + 1, "x")
    require_stored(5, 5, "x")
    with pytest.raises(ChannelInputError, match="x: got 4 B in the file, expected 5 B as its shape says"):
        require_stored(5, 4, "x")
    require_ratio(64 * MIB, 1, "x")
    require_ratio(100 * MIB, MIB, "x")
    with pytest.raises(ChannelInputError, match="x: got 100 MiB or more packed into 1 MiB, expected at most 100 times"):
        require_ratio(100 * MIB + 1, MIB, "x")
    require_items(1 << 22, "x")
    with pytest.raises(ChannelInputError, match="expected at most 4194304"):
        require_items((1 << 22) + 1, "x")


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 << 29, "1.5 GiB"), (5 << 50, "5120 TiB")],
)
def test_sizes_for_people(n_bytes, text):
    assert size_text(n_bytes) == text


def test_the_memory_bound_is_half_of_what_is_free():
    import psutil

    assert 0 < memory_bound() <= psutil.virtual_memory().total // 2
