"""Numeric matrices of MATLAB files of version 5 to 7, found by name.

Only what numeric matrices need of the format (MathWorks, "MAT-File Format", chapter 1). Written for files that come
from elsewhere: SciPy's reader can bring down the whole process on a damaged one.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channels.mat5_stream import Body, DamagedFileError, bodies, body_at, opened, read_element, unpack

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


def read_variable(path: Path, name: str) -> NDArray[Any]:
    """The numeric variable of that name, in the precision of the file, complex if its kind is.

    Raises:
        DamagedFileError: as ``list_variables``, or if there is no such variable.
    """
    for header in list_variables(path):
        if header.name == name and header.kind != "other":
            return read_at(path, header.position)
    raise DamagedFileError(f"no numbers named {name}")


def read_at(path: Path, position: int) -> NDArray[Any]:
    """The numeric variable at a position that ``list_variables`` gave.

    Raises:
        DamagedFileError: as ``list_variables``.
    """
    with opened(path) as (file, order):
        body, _ = body_at(file, order, position, size=file.seek(0, 2))
        values = read_numbers(body, order, read_header(body, order))
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
    return Mat5Header(
        name=name.decode("ascii", errors="replace"),
        shape=shape,
        kind=kind if matlab_class in _NUMERIC_CLASSES else "other",
        matlab_class=matlab_class,
        position=position,
    )


def read_numbers(body: Body, order: str, header: Mat5Header) -> NDArray[Any]:
    """Numbers of a matrix, read from behind its header."""
    values = _read_part(body, order, header.shape)
    return values + 1j * _read_part(body, order, header.shape) if header.kind == "complex" else values


def _read_part(body: Body, order: str, shape: tuple[int, ...]) -> NDArray[Any]:
    count = math.prod(shape)
    number_type, data = read_element(body, order, limit=8 * count)
    if number_type not in _DTYPES:
        raise DamagedFileError(f"numbers of type {number_type}")
    dtype = np.dtype(order + _DTYPES[number_type])
    if len(data) != count * dtype.itemsize:
        raise DamagedFileError(f"{len(data)} bytes for {count} numbers")
    return np.frombuffer(data, dtype).reshape(shape, order="F")
