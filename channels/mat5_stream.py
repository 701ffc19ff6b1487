"""Elements of MATLAB files of version 5 to 7: tags, sizes, and compressed data.

After MathWorks, "MAT-File Format", chapter 1. Written for files that come from elsewhere: every size is checked
against what lies around it.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_CHUNK = 1 << 20


class DamagedFileError(Exception):
    """The bytes are not those of a file of this format."""


class Body(Protocol):
    """The inside of a matrix element, read in order."""

    def read(self, n_bytes: int) -> bytes:
        """The next bytes."""

    def close(self) -> None:
        """Reads what is left, where that checks something."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """The file and its byte order, for the time of a ``with`` block.

    Raises:
        DamagedFileError: if it is no such file, or if compressed data read inside the block are damaged.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        orders = {b"IM": "<", b"MI": ">"}
        if len(header) < _HEADER_BYTES or header[126:] not in orders:
            raise DamagedFileError("no header of a MATLAB file")
        try:
            yield file, orders[header[126:]]
        except zlib.error as error:
            raise DamagedFileError(str(error)) from error


def bodies(file: BinaryIO, order: str) -> Iterator[tuple[int, Body]]:
    """Positions in the file and bodies of all variables."""
    size = file.seek(0, 2)
    position = _HEADER_BYTES
    while position < size:
        body, end = body_at(file, order, position, size)
        yield position, body
        position = end


def body_at(file: BinaryIO, order: str, position: int, size: int) -> tuple[Body, int]:
    """Body of the variable that begins at a position, and where it ends."""
    file.seek(position)
    kind, n_bytes = unpack(order + "II", file.read(8))
    end = position + 8 + n_bytes
    if end > size:
        raise DamagedFileError("the file ends inside a variable")
    body: Body = _Plain(file, n_bytes)
    if kind == _COMPRESSED:
        body = _Inflated(file, n_bytes)
        kind, _ = unpack(order + "II", body.read(8))
    _require_matrix(kind)
    return body, end


def nested_body(body: Body, order: str) -> "NestedBody":
    """Body of the next matrix inside another one, empty for MATLAB's ``[]``."""
    kind, n_bytes = unpack(order + "II", body.read(8))
    _require_matrix(kind)
    return NestedBody(body, n_bytes)


def read_element(body: Body, order: str, limit: int) -> tuple[int, bytes]:
    """Type and data of the next element inside a variable, at most ``limit`` bytes long."""
    tag = body.read(8)
    word, n_bytes = unpack(order + "II", tag)
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


def unpack(layout: str, data: bytes) -> tuple[int, ...]:
    """Numbers of a layout of the ``struct`` module."""
    try:
        return struct.unpack(layout, data)
    except struct.error as error:
        raise DamagedFileError(str(error)) from error


class NestedBody:
    """A matrix inside another one.

    Attributes:
        left: bytes not yet read.
    """

    def __init__(self, around: Body, n_bytes: int) -> None:
        self._around = around
        self.left = n_bytes

    def read(self, n_bytes: int) -> bytes:
        """The next bytes."""
        if n_bytes > self.left:
            raise DamagedFileError("an element is longer than the one around it")
        data = self._around.read(n_bytes)
        if len(data) < n_bytes:
            raise DamagedFileError("the file ends inside a variable")
        self.left -= n_bytes
        return data

    def close(self) -> None:
        """Skips what is left."""
        while self.left > 0:
            self.read(min(self.left, _CHUNK))


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


def _require_matrix(kind: int) -> None:
    if kind != _MATRIX:
        raise DamagedFileError(f"an element of type {kind} in place of a variable")
