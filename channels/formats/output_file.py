"""Files written whole or not at all, also where the disk fills up meanwhile: one line that names the file.

HDF5 cannot be told that the disk is full: closing a file whose last blocks cannot be written brings down the process.
So HDF5 writes to a stream that never fails: what the disk does not take is held in memory until the file is closed.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from channels.errors import ChannelInputError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Makes of an error of the disk one line that names the file.

    Raises:
        ChannelInputError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise ChannelInputError(f"{path}: cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True)
class Hdf5Output:
    """An HDF5 file that is being written.

    Attributes:
        file: the file.
    """

    file: h5py.File
    _stream: "_PatientStream"

    def require_written(self) -> None:
        """Raises an ``OSError`` once something could not be written; asked after each piece, memory stays bounded."""
        if self._stream.error is not None:
            raise self._stream.error


@contextmanager
def hdf5_output(path: Path, name: Path, **options: Any) -> Iterator[Hdf5Output]:
    """Makes an HDF5 file; one that could not be finished is removed.

    Args:
        path: the file.
        name: the file that it is to become, for error messages.
        options: further arguments of ``h5py.File``.

    Raises:
        ChannelInputError: if the disk does not take it.
    """
    finished = False
    try:
        with naming(name), path.open("w+b", buffering=0) as file:
            stream = _PatientStream(file)
            with h5py.File(stream, "w", **options) as hdf5:
                output = Hdf5Output(hdf5, stream)
                yield output
            output.require_written()
        finished = True
    finally:
        if not finished:
            path.unlink(missing_ok=True)


class _PatientStream(io.RawIOBase):
    """A file that takes everything: after the first error of the disk in memory.

    Attributes:
        error: the first error, ``None`` while all is well.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.error: OSError | None = None
        self._file = file
        self._position = 0
        self._end = 0
        self._held: list[tuple[int, bytes]] = []

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        return self._position

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        n_bytes = len(left)
        while left and self.error is None:
            try:
                self._file.seek(self._position)
                written = self._file.write(left)
            except OSError as error:
                self.error = error
            else:
                left, self._position = left[written:], self._position + written
        if left:
            self._held.append((self._position, bytes(left)))
            self._position += len(left)
        self._end = max(self._end, self._position)
        return n_bytes

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        target[:] = bytes(len(target))
        self._file.seek(self._position)
        found = self._file.read(len(target)) or b""
        target[: len(found)] = found
        for start, data in self._held:
            low, high = max(start, self._position), min(start + len(data), self._position + len(target))
            if low < high:
                target[low - self._position : high - self._position] = data[low - start : high - start]
        self._position += len(target)
        return len(target)

    def truncate(self, size: int | None = None) -> int:
        self._end = self._position if size is None else size
        if self.error is None:
            try:
                self._file.truncate(self._end)
            except OSError as error:
                self.error = error
        return self._end
