"""Numeric matrices of MATLAB files of version 5 to 7, found by name.

Only what numeric matrices need of the format (MathWorks, "MAT-File Format", chapter 1). Written for files that come
from elsewhere: SciPy's reader can bring down the whole process on a damaged one.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX_FLAG = 0x800
# Data types of an element, as NumPy names them, by their number in the format.
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_LONGEST_NAME = 256
_CHUNK = 1 << 20


class DamagedFileError(Exception):
    """The bytes are not those of a file of this format."""


@dataclass(frozen=True)
class Mat5Header:
    """A variable of a file: ``shape`` as MATLAB shows it, ``kind`` "real", "complex" or "other" (no numbers)."""

    name: str
    shape: tuple[int, ...]
    kind: str


def list_variables(path: Path) -> list[Mat5Header]:
    """Headers of all variables.

    Raises:
        DamagedFileError: if the file is truncated, damaged, or of another format.
    """
    with _opened(path) as (file, order):
        return [_read_header(body, order) for body in _bodies(file, order)]


def read_variable(path: Path, name: str) -> NDArray[Any]:
    """The numeric variable of that name, in the precision of the file, complex if its kind is.

    Raises:
        DamagedFileError: as ``list_variables``, or if there is no such variable.
    """
    with _opened(path) as (file, order):
        for body in _bodies(file, order):
            header = _read_header(body, order)
            if header.name == name and header.kind != "other":
                values = _read_numbers(body, order, header.shape)
                if header.kind == "complex":
                    values = values + 1j * _read_numbers(body, order, header.shape)
                body.close()
                return values
    raise DamagedFileError(f"no numbers named {name}")


class _Body(Protocol):
    """The inside of a matrix element, read in order."""

    def read(self, n_bytes: int) -> bytes: ...

    def close(self) -> None: ...


class _Plain:
    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file = file
        self._left = n_bytes

    def read(self, n_bytes: int) -> bytes:
        if n_bytes > self._left:
            raise DamagedFileError("an element is longer than the one around it")
        self._left -= n_bytes
        return self._file.read(n_bytes)

    def close(self) -> None:
        pass


class _Inflated:
    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file = file
        self._left = n_bytes
        self._inflate = zlib.decompressobj()

    def read(self, n_bytes: int) -> bytes:
        parts = []
        while n_bytes > 0 and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, _CHUNK))
                self._left -= len(packed)
            part = self._inflate.decompress(packed, n_bytes)
            if not packed and not part:
                break
            parts.append(part)
            n_bytes -= len(part)
        if n_bytes > 0:
            raise DamagedFileError("compressed data end early")
        return b"".join(parts)

    def close(self) -> None:
        """Runs to the end of the stream, where zlib compares its checksum."""
        while not self._inflate.eof:
            self.read(1)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        orders = {b"IM": "<", b"MI": ">"}
        if len(header) < _HEADER_BYTES or header[126:] not in orders:
            raise DamagedFileError("no header of a MATLAB file")
        try:
            yield file, orders[header[126:]]
        except zlib.error as error:
            raise DamagedFileError(str(error)) from error


def _bodies(file: BinaryIO, order: str) -> Iterator[_Body]:
    size = file.seek(0, 2)
    position = _HEADER_BYTES
    while position < size:
        file.seek(position)
        kind, n_bytes = _unpack(order + "II", file.read(8))
        position += 8 + n_bytes
        if position > size:
            raise DamagedFileError("the file ends inside a variable")
        body: _Body = _Plain(file, n_bytes)
        if kind == _COMPRESSED:
            body = _Inflated(file, n_bytes)
            kind, _ = _unpack(order + "II", body.read(8))
        if kind != _MATRIX:
            raise DamagedFileError(f"an element of type {kind} in place of a variable")
        yield body


def _read_header(body: _Body, order: str) -> Mat5Header:
    (flags, _) = _unpack(order + "II", _read_element(body, order, limit=8)[1])
    matlab_class = flags & 0xFF
    if matlab_class > _NUMERIC_CLASSES[-1]:
        # Function handles and objects have another layout.
        return Mat5Header("", (), "other")
    _, packed_shape = _read_element(body, order, limit=4 * 32)
    shape = _unpack(order + "i" * (len(packed_shape) // 4), packed_shape)
    if len(shape) < 2 or min(shape) < 0:
        raise DamagedFileError(f"a variable of shape {shape}")
    _, name = _read_element(body, order, limit=_LONGEST_NAME)
    kind = "complex" if flags & _COMPLEX_FLAG else "real"
    return Mat5Header(
        name=name.decode("ascii", errors="replace"),
        shape=shape,
        kind=kind if matlab_class in _NUMERIC_CLASSES else "other",
    )


def _read_numbers(body: _Body, order: str, shape: tuple[int, ...]) -> NDArray[Any]:
    count = math.prod(shape)
    number_type, data = _read_element(body, order, limit=8 * count)
    if number_type not in _DTYPES:
        raise DamagedFileError(f"numbers of type {number_type}")
    dtype = np.dtype(order + _DTYPES[number_type])
    if len(data) != count * dtype.itemsize:
        raise DamagedFileError(f"{len(data)} bytes for {count} numbers")
    return np.frombuffer(data, dtype).reshape(shape, order="F")


def _read_element(body: _Body, order: str, limit: int) -> tuple[int, bytes]:
    """Type and data of the next element inside a variable, at most ``limit`` bytes long."""
    tag = body.read(8)
    word, n_bytes = _unpack(order + "II", tag)
    if word >> 16:
        # Up to four bytes of data share the tag.
        n_bytes = word >> 16
        if n_bytes > 4:
            raise DamagedFileError(f"a short element of {n_bytes} bytes")
        return word & 0xFFFF, tag[4 : 4 + n_bytes]
    if n_bytes > limit:
        raise DamagedFileError(f"an element of {n_bytes} bytes, at most {limit} expected")
    data = body.read(n_bytes)
    body.read(-n_bytes % 8)
    return word, data


def _unpack(layout: str, data: bytes) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, data)
    except struct.error as error:
        raise DamagedFileError(str(error)) from error
