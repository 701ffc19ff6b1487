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

from channels.bounds import require_ratio

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_CHUNK = 1 << 20
_UNPACKED = 1 << 16


class DamagedFileError(Exception):
    """The bytes are not those of a file of this format."""


class Body(Protocol):
    """The inside of a matrix element, read in order.

    Attributes:
        what: file and, once its header has been read, variable, for error messages.
    """

    what: str

    def require(self, n_bytes: int) -> None:
        """Raises ``DamagedFileError`` or ``ChannelInputError`` if there cannot be so many more bytes."""

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
    kind, n_bytes, short = read_tag(body, order)
    if short is not None:
        return kind, short
    if n_bytes > limit:
        raise DamagedFileError(f"an element of {n_bytes} bytes, at most {limit} expected")
    data = body.read(n_bytes)
    body.read(-n_bytes % 8)
    return kind, data


def read_tag(body: Body, order: str) -> tuple[int, int, bytes | None]:
    """Type and length of the next element inside a variable; its data, too, if they share the tag.

    Otherwise the data follow, filled up to a multiple of 8 bytes.
    """
    tag = body.read(8)
    word, n_bytes = unpack(order + "II", tag)
    if not word >> 16:
        return word, n_bytes, None
    # Up to four bytes of data share the tag.
    n_bytes = word >> 16
    if n_bytes > 4:
        raise DamagedFileError(f"a short element of {n_bytes} bytes")
    return word & 0xFFFF, n_bytes, tag[4 : 4 + n_bytes]


def pieces(body: Body, n_bytes: int) -> Iterator[bytes]:
    """The next bytes, at most 1 MiB at a time."""
    while n_bytes > 0:
        data = body.read(min(n_bytes, _CHUNK))
        if not data:
            raise DamagedFileError("the file ends inside a variable")
        n_bytes -= len(data)
        yield data


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
        around.require(n_bytes)
        self._around = around
        self.left = n_bytes
        self.what = around.what

    def require(self, n_bytes: int) -> None:
        """Raises ``DamagedFileError`` if there are not so many left."""
        if n_bytes > self.left:
            raise DamagedFileError("an element is longer than the one around it")
        self._around.require(n_bytes)

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
        self.what = str(file.name)

    def require(self, n_bytes: int) -> None:
        if n_bytes > self._left:
            raise DamagedFileError("an element is longer than the one around it")

    def read(self, n_bytes: int) -> bytes:
        self.require(n_bytes)
        self._left -= n_bytes
        return self._file.read(n_bytes)

    def close(self) -> None:
        pass


class _Inflated:
    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file = file
        self._packed = self._left = n_bytes
        self._inflate = zlib.decompressobj()
        self._given = 0
        # Unpacked bytes that nobody has asked for: tags are short, and zlib copies all that is left for each call.
        self._waiting, self._position = b"", 0
        self.what = str(file.name)

    def require(self, n_bytes: int) -> None:
        require_ratio(self._given + n_bytes, self._packed, self.what)

    def read(self, n_bytes: int) -> bytes:
        self.require(n_bytes)
        self._given += n_bytes
        end = self._position + n_bytes
        if end <= len(self._waiting):
            data = self._waiting[self._position : end]
            self._position = end
            return data
        parts = [self._waiting[self._position :]]
        missing = n_bytes - len(parts[0])
        while missing > 0:
            part = self._next()
            if not part:
                raise DamagedFileError("compressed data end early")
            parts.append(part)
            missing -= len(part)
        last = parts[-1]
        self._waiting, self._position = last, len(last) + missing
        parts[-1] = last[: self._position]
        return b"".join(parts)

    def close(self) -> None:
        """Runs to the end of the stream, where zlib compares its checksum."""
        while part := self._next():
            self.require(len(part))
            self._given += len(part)
        if not self._inflate.eof:
            raise DamagedFileError("compressed data end early")

    def _next(self) -> bytes:
        """Some more unpacked bytes, none at the end."""
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, _UNPACKED))
                self._left -= len(packed)
            part = self._inflate.decompress(packed, _UNPACKED)
            if part:
                return part
            if not packed:
                break
        return b""


def _require_matrix(kind: int) -> None:
    if kind != _MATRIX:
        raise DamagedFileError(f"an element of type {kind} in place of a variable")
