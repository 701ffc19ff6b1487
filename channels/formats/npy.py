"""NumPy's files: one array in ``.npy``, several in ``.npz``, read without pickles and checked before anything is read.

Formats after NumPy Enhancement Proposal 1, https://numpy.org/neps/nep-0001-npy-format.html.
"""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from channels.bounds import require_memory, require_ratio, require_stored
from channels.errors import ChannelInputError
from channels.formats.complex_numbers import as_numbers, kind_of
from channels.formats.hdf5 import one_line
from channels.formats.regular_file import require_file

_PIECE: Final = 1 << 20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class NpyHeader:
    """What an array is.

    Attributes:
        shape: its shape.
        dtype: its type, numbers or pairs of them.
        order: "C" or "F", the order of its axes in the file.
        offset: bytes of the header.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    order: str
    offset: int

    @property
    def n_bytes(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, name: str | None = None) -> NDArray[Any]:
    """A whole array, complex where it holds pairs, in the precision of the file.

    Args:
        path: a ``.npy`` or ``.npz`` file.
        name: the array in a ``.npz`` file, ``None`` for the only one.

    Raises:
        ChannelInputError: in one line, if it cannot be read, is no array of numbers, declares more than the file
            holds, or does not fit into memory.
    """
    with _readable(path):
        if path.suffix == ".npz":
            return _read_member(path, name)
        mapped = map_npy(path)
        require_memory(2 * mapped.nbytes, str(path))
        return as_numbers(np.array(mapped))


def map_npy(path: Path) -> NDArray[Any]:
    """The array of a ``.npy`` file, read from the disk where it is indexed; pairs are left as they are.

    Raises:
        ChannelInputError: as ``read_npy``.
    """
    with _readable(path):
        with path.open("rb") as file:
            header = _read_header(file, str(path))
        require_stored(header.n_bytes, path.stat().st_size - header.offset, str(path))
        if not header.n_bytes:
            return np.empty(header.shape, header.dtype)
        order: Any = header.order
        return np.memmap(path, header.dtype, "r", header.offset, header.shape, order)


def _read_member(path: Path, name: str | None) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        names = [member.removesuffix(".npy") for member in archive.namelist()]
        if name is None and len(names) == 1:
            name = names[0]
        if name not in names:
            raise ChannelInputError(f"{path}: got the arrays {one_line(', '.join(names)) or 'none'}, expected {name}")
        what = f"{path}: {one_line(name)}"
        info = archive.infolist()[names.index(name)]
        if info.compress_type not in _METHODS:
            raise ChannelInputError(f"{what}: got compression {info.compress_type}, expected that of savez_compressed")
        require_ratio(info.file_size, min(info.compress_size, path.stat().st_size), what)
        with archive.open(info) as member:
            header = _read_header(member, what)
            require_stored(header.n_bytes, info.file_size - header.offset, what)
            require_memory(header.n_bytes, what)
            return as_numbers(_read_numbers(member, header))


def _read_numbers(stream: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    values = np.empty(math.prod(header.shape), header.dtype)
    view, position = values.view(np.uint8).reshape(-1), 0
    while position < header.n_bytes:
        piece = stream.read(min(_PIECE, header.n_bytes - position))
        if not piece:
            raise EOFError("the data end early")
        view[position : position + len(piece)] = np.frombuffer(piece, np.uint8)
        position += len(piece)
    # The checksum is compared at the end of the stream.
    stream.read(1)
    return values.reshape(header.shape, order="F" if header.order == "F" else "C")


def _read_header(stream: IO[bytes], what: str) -> NpyHeader:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(stream)
        shape, is_fortran, dtype = readers[version](stream)
        is_shape = all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape)
    # The header is a Python literal: NumPy lets through whatever the tokenizer, the parser and the types raise, which
    # says more of Python than of the file.
    except Exception as error:
        raise ChannelInputError(
            f"{what}: cannot be read as a NumPy array: got a damaged header, expected one of version 1 or 2 with "
            "descr, fortran_order and shape"
        ) from error
    if not is_shape or len(shape) > 32:
        raise ChannelInputError(f"{what}: got the shape {one_line(shape)}, expected sizes")
    if kind_of(dtype) == "other":
        raise ChannelInputError(f"{what}: got values of type {one_line(dtype)}, expected numbers")
    return NpyHeader(shape, dtype, "F" if is_fortran else "C", stream.tell())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    require_file(path, "a .npy or .npz file")
    try:
        yield
    except ChannelInputError:
        raise
    # A damaged archive raises what its parts do: struct, zlib, UnicodeDecodeError, NotImplementedError and others.
    except Exception as error:
        raise ChannelInputError(f"{path}: cannot be read, truncated or damaged ({one_line(error)})") from error
