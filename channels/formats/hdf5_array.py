"""Arrays of numbers in HDF5 files: checked against what the file holds, read in the order of their chunks."""

import math
import zlib
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.bounds import DEFLATE_LARGEST_RATIO, memory_bound, require_memory, require_stored, size_text
from channels.errors import ChannelInputError
from channels.formats.axis_order import is_marked_matlab
from channels.formats.complex_numbers import as_numbers, kind_of
from channels.formats.finite_numbers import require_finite
from channels.formats.hdf5 import open_dataset

# Bytes that the index of chunks takes for each of them, at the least.
_INDEX_BYTES: Final = 8
# LZF's longest match: 264 bytes in three.
_LZF_LARGEST_RATIO: Final = 88
_LZF: Final = 32000
# These unpack to the size of the chunk, whatever is stored.
_OF_FIXED_SIZE: Final = (h5py.h5z.FILTER_SZIP, h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET)
_COMPRESSION: Final = {
    h5py.h5z.FILTER_DEFLATE: DEFLATE_LARGEST_RATIO,
    _LZF: _LZF_LARGEST_RATIO,
    **dict.fromkeys(_OF_FIXED_SIZE, 0),
}
_HARMLESS: Final = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
_SLICE: Final = 1 << 20
# A row of chunks may hold all samples; so much of it is kept at a time.
_KEPT: Final = 256 << 20


class Hdf5Array:
    """A dataset of numbers, read a range of samples at a time.

    A dataset whose chunks run along the samples is read a row of chunks at a time, and that row is kept: no chunk is
    unpacked again for the next samples.

    Args:
        path: the file.
        name: the dataset.
        sample_axis: axis of the samples as HDF5 counts, negative from the end.

    Attributes:
        shape: as HDF5 shows it.
        kind: "real", "complex", or "other" (no numbers).
        dtype: as stored.
        is_matlab: whether MATLAB wrote it, which stores the axes reversed.

    Raises:
        ChannelInputError: if the file is missing or damaged, lacks the dataset, or holds less than its shape declares.
    """

    def __init__(self, path: Path, name: str, sample_axis: int = 0) -> None:
        self.path = path
        self.name = name
        with open_dataset(path, name) as dataset:
            self.shape: tuple[int, ...] = tuple(dataset.shape or ())
            self.dtype = dataset.dtype
            self.kind = kind_of(dataset.dtype)
            self.is_matlab = is_marked_matlab(dataset, path)
            if self.kind != "other" and dataset.shape is not None:
                require_complete(dataset, f"{path}: {name}")
            self._chunks: tuple[int, ...] | None = dataset.chunks
        self._axis = sample_axis % max(1, len(self.shape))
        self._kept: tuple[int, int, int | None, NDArray[Any]] | None = None

    def read(self, start: int, stop: int, first: int | None = None) -> NDArray[Any]:
        """Samples ``start`` to ``stop - 1``, single precision, axes as stored.

        Args:
            start: first sample.
            stop: one past the last.
            first: entries read of the axis behind the samples', the first ones; ``None`` for all.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN or infinity, or the samples do not fit into memory.
        """
        if self._kept is None or self._kept[2] != first or not self._kept[0] <= start <= stop <= self._kept[1]:
            self._keep(start, stop, first)
        assert self._kept is not None
        values = self._kept[3][self._along(start - self._kept[0], stop - self._kept[0])]
        require_finite(values, f"{self.path}: {self.name}", start, self._axis)
        return values

    def _keep(self, start: int, stop: int, first: int | None) -> None:
        """Reads the rows of chunks that hold these samples; as much of them as may be kept, at least the samples."""
        held, self._kept = self._kept, None
        step = self._chunks[self._axis] if self._chunks else 1
        low, high = start // step * step, min(-(-stop // step) * step, self.shape[self._axis])
        tail: NDArray[Any] | None = None
        if held is not None and held[2] == first and held[0] <= start < held[1] < stop:
            # A range that goes on where the last one ended: its row of chunks has been unpacked.
            tail, low = held[3][self._along(start - held[0], held[1] - held[0])], held[1]
        per_sample = self._bytes_per_sample(first)
        if (high - low) * per_sample > _KEPT:
            low = low if tail is not None else start
            high = min(high, max(stop, low + _KEPT // per_sample))
        require_memory((high - low) * per_sample, f"{self.path}: {self.name}: samples {low} to {high - 1}")
        with open_dataset(self.path, self.name) as dataset:
            selection = self._along(low, high)
            if first is not None:
                selection = (*selection, slice(0, first))
            values = single_precision(dataset[selection])
        if tail is not None:
            low, values = start, np.concatenate((tail, values), axis=self._axis)
        self._kept = (low, high, first, values)

    def _bytes_per_sample(self, first: int | None) -> int:
        sizes = [size for axis, size in enumerate(self.shape) if axis != self._axis]
        if first is not None:
            sizes[self._axis] = min(first, sizes[self._axis])
        # What is read, and its single precision.
        return max(1, math.prod(sizes) * (self.dtype.itemsize + 8))

    def _along(self, start: int, stop: int) -> tuple[slice, ...]:
        return (*[slice(None)] * self._axis, slice(start, stop))


def read_whole(dataset: h5py.Dataset, what: str) -> NDArray[Any]:
    """All numbers of a dataset, complex where it holds pairs, in the precision of the file.

    Raises:
        ChannelInputError: if it declares more than the file holds, or than fits into memory.
    """
    if dataset.shape is None:
        return np.empty(0)
    require_complete(dataset, what)
    require_memory(2 * dataset.size * max(8, dataset.dtype.itemsize), what)
    return as_numbers(np.asarray(dataset[()]))


def require_complete(dataset: h5py.Dataset, what: str) -> None:
    """Refuses a dataset that declares more than the file holds, or whose chunks cannot be unpacked safely.

    Args:
        dataset: the dataset, with its data in the file itself.
        what: file and variable, for the error message.

    Raises:
        ChannelInputError: in one line that says what is declared and what is there.
    """
    n_bytes, in_file = dataset.size * dataset.dtype.itemsize, dataset.file.id.get_filesize()
    if dataset.chunks is None:
        there = dataset.id.get_storage_size() if dataset.size else 0
        is_compact = dataset.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
        if not is_compact and dataset.id.get_offset() is None:
            there = 0
        require_stored(n_bytes, min(there, in_file), what)
        return
    n_chunks = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    chunk_bytes = math.prod(dataset.chunks) * dataset.dtype.itemsize
    position, ratio = _compression(dataset, what)
    # Chunks without compression lie in the file in full; of others it holds at least the index.
    require_stored(n_bytes if position is None else n_chunks * _INDEX_BYTES, in_file, what)
    if n_chunks:
        require_memory(2 * chunk_bytes, f"{what}: a chunk of {' x '.join(map(str, dataset.chunks))}")
    there = dataset.id.get_num_chunks()
    if there < n_chunks:
        raise ChannelInputError(f"{what}: got {there} of its {n_chunks} chunks in the file, expected all of them")
    if position is not None:
        _require_harmless_chunks(dataset, chunk_bytes, position, ratio, what)


def single_precision(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in float32 or complex64; beyond their range infinity."""
    numbers = as_numbers(values)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(numbers, dtype=np.complex64 if numbers.dtype.kind == "c" else np.float32)


def _compression(dataset: h5py.Dataset, what: str) -> tuple[int | None, int]:
    """Place of the compression among the filters, and how many times what is stored it can unpack to; 0: no matter."""
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    packing = [number for number in filters if number not in _HARMLESS]
    if len(packing) > 1 or not set(packing) <= _COMPRESSION.keys():
        raise ChannelInputError(f"{what}: got the HDF5 filters {filters}, expected gzip, lzf, or no compression")
    return (filters.index(packing[0]), _COMPRESSION[packing[0]]) if packing else (None, 0)


def _require_harmless_chunks(dataset: h5py.Dataset, chunk_bytes: int, position: int, ratio: int, what: str) -> None:
    # HDF5 unpacks a chunk to whatever size it has, however small the chunk that is declared.
    suspects: list[tuple[int, ...]] = []
    tolerable = max(chunk_bytes + _SLICE, memory_bound() // 4)

    def look(stored: h5py.h5d.StoreInfo) -> None:
        if stored.size * ratio > tolerable and not stored.filter_mask >> position & 1:
            suspects.append(stored.chunk_offset)

    dataset.id.chunk_iter(look)
    for offset in suspects:
        _, packed = dataset.id.read_direct_chunk(offset)
        if ratio == DEFLATE_LARGEST_RATIO and _is_longer(packed, chunk_bytes):
            raise ChannelInputError(
                f"{what}: got a chunk that unpacks to more than the {size_text(chunk_bytes)} of its shape: damaged"
            )


def _is_longer(packed: bytes, n_bytes: int) -> bool:
    """Whether the packed bytes of a chunk are more than so many, unpacked in pieces."""
    inflate, total = zlib.decompressobj(), 0
    while packed and not inflate.eof and total <= n_bytes:
        total += len(inflate.decompress(packed, _SLICE))
        packed = inflate.unconsumed_tail
    return total > n_bytes
