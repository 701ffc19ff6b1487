"""Numeric matrices of MATLAB files of version 5 to 7, found by name.

Only what numeric matrices need of the format (MathWorks, "MAT-File Format", chapter 1). Written for files that come
from elsewhere: SciPy's reader can bring down the whole process on a damaged one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channels.bounds import require_memory
from channels.formats.hdf5 import one_line
from channels.formats.mat5_stream import (
    Body,
    DamagedFileError,
    bodies,
    body_at,
    opened,
    pieces,
    read_element,
    read_tag,
    unpack,
)

_NUMERIC_CLASSES = range(6, 16)
_COMPLEX_FLAG = 0x800
# Data types of an element, as NumPy names them, by their number in the format.
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_LONGEST_NAME = 256


@dataclass(frozen=True)
class Mat5Header:
    """A variable of a file.

    Attributes:
        name: empty for function handles and objects.
        shape: as MATLAB shows it.
        kind: "real", "complex" or "other" (no numbers).
        matlab_class: its number in the format: 1 cell array, 2 struct, 17 object.
        position: where it begins in the file, 0 inside another variable.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    matlab_class: int = 0
    position: int = 0


def list_variables(path: Path) -> list[Mat5Header]:
    """Headers of all variables.

    Raises:
        DamagedFileError: if the file is truncated, damaged, or of another format.
    """
    with opened(path) as (file, order):
        return [read_header(body, order, position) for position, body in bodies(file, order)]


def read_variable(path: Path, name: str, *, single: bool = False) -> NDArray[Any]:
    """The numeric variable of that name, complex if its kind is.

    Args:
        path: the file.
        name: the variable.
        single: whether in float32 or complex64, otherwise in the precision of the file.

    Raises:
        DamagedFileError: as ``list_variables``, or if there is no such variable.
        ChannelInputError: if it does not fit into memory, or unpacks to far more than any channels do.
    """
    for header in list_variables(path):
        if header.name == name and header.kind != "other":
            return read_at(path, header.position, single=single)
    raise DamagedFileError(f"no numbers named {name}")


def read_at(path: Path, position: int, *, single: bool = False) -> NDArray[Any]:
    """The numeric variable at a position that ``list_variables`` gave.

    Raises:
        DamagedFileError: as ``list_variables``.
        ChannelInputError: as ``read_variable``.
    """
    with opened(path) as (file, order):
        body, _ = body_at(file, order, position, size=file.seek(0, 2))
        values = read_numbers(body, order, read_header(body, order), single=single)
        body.close()
        return values


def read_header(body: Body, order: str, position: int = 0) -> Mat5Header:
    """What a matrix is, read from the beginning of its body."""
    (flags, _) = unpack(order + "II", read_element(body, order, limit=8)[1])
    matlab_class = flags & 0xFF
    if matlab_class > _NUMERIC_CLASSES[-1]:
        # Function handles and objects have another layout.
        return Mat5Header("", (), "other", matlab_class, position)
    _, packed_shape = read_element(body, order, limit=4 * 32)
    shape = unpack(order + "i" * (len(packed_shape) // 4), packed_shape)
    if len(shape) < 2 or min(shape) < 0:
        raise DamagedFileError(f"a variable of shape {shape}")
    _, name = read_element(body, order, limit=_LONGEST_NAME)
    kind = "complex" if flags & _COMPLEX_FLAG else "real"
    text = name.decode("ascii", errors="replace")
    if text:
        body.what = f"{body.what}: {one_line(text)}"
    return Mat5Header(
        name=text,
        shape=shape,
        kind=kind if matlab_class in _NUMERIC_CLASSES else "other",
        matlab_class=matlab_class,
        position=position,
    )


def read_numbers(body: Body, order: str, header: Mat5Header, *, single: bool = False) -> NDArray[Any]:
    """Numbers of a matrix, read from behind its header, piece by piece into an array of their final type.

    Raises:
        DamagedFileError: if their number is not that of the header's shape.
        ChannelInputError: if they do not fit into memory, or unpack to far more than any channels do.
    """
    count = math.prod(header.shape)
    stored, data = _part(body, order, count)
    final = np.dtype(np.float32) if single else stored
    if header.kind == "complex":
        final = np.dtype(np.complex64 if single or stored.name == "float32" else np.complex128)
    require_memory(count * final.itemsize, body.what)
    values = np.empty(count, final)
    _fill(values.real, data, stored)
    if header.kind == "complex":
        stored, data = _part(body, order, count)
        _fill(values.imag, data, stored)
    return values.reshape(header.shape, order="F")


def _part(body: Body, order: str, count: int) -> tuple[np.dtype, Iterator[bytes]]:
    """Type and bytes of the real or imaginary parts, which must be so many."""
    number_type, n_bytes, short = read_tag(body, order)
    if number_type not in _DTYPES:
        raise DamagedFileError(f"numbers of type {number_type}")
    dtype = np.dtype(order + _DTYPES[number_type])
    if n_bytes != count * dtype.itemsize:
        raise DamagedFileError(f"{n_bytes} bytes for {count} numbers")
    if short is not None:
        return dtype, iter([short])
    body.require(n_bytes)
    return dtype, _padded(body, n_bytes)


def _padded(body: Body, n_bytes: int) -> Iterator[bytes]:
    yield from pieces(body, n_bytes)
    body.read(-n_bytes % 8)


def _fill(values: NDArray[Any], data: Iterator[bytes], dtype: np.dtype) -> None:
    position = 0
    # Values beyond float32 become infinite, which the readers refuse.
    with np.errstate(over="ignore", invalid="ignore"):
        for piece in data:
            numbers = np.frombuffer(piece, dtype)
            values[position : position + len(numbers)] = numbers
            position += len(numbers)
