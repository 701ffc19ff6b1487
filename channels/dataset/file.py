"""Data sets of truncated angular-delay matrices in HDF5: reading and verification.

A file holds ``train``, ``validation``, ``test`` of ``[N, Na, Nt]`` and, if made with it, ``hf_all`` of
``[N_test, 125, Nt]``, all complex64 in chunks of about 1 MiB, and its manifest as JSON in the attribute ``manifest``,
whose SHA-256 is the attribute ``manifest_sha256``.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channels.dataset.manifest import DatasetManifest, parse
from channels.errors import ChannelInputError
from channels.formats.finite_numbers import require_finite
from channels.formats.hdf5 import one_line, open_dataset
from channels.formats.hdf5_array import require_complete

DTYPE = np.dtype("<c8")


class DatasetFile:
    """A data set whose manifest and layout have been checked; ``verify`` checks the matrices, too.

    Args:
        path: the file.

    Attributes:
        manifest: what the data set was made from.

    Raises:
        ChannelInputError: if the file is missing, truncated, or no data set of this layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_dataset(path, "train") as dataset:
            self.manifest = _read_manifest(path, dataset.file)
            found = sorted(dataset.file)
        if found != sorted(self.manifest.shapes):
            names = ", ".join(sorted(self.manifest.shapes))
            raise ChannelInputError(f"{path}: got the datasets {one_line(', '.join(found))}, expected {names}")
        for name in self.manifest.shapes:
            with open_dataset(path, name) as dataset:
                self._check_layout(name, dataset)

    def read(self, name: str, start: int, stop: int) -> NDArray[np.complex64]:
        """Matrices ``start`` to ``stop - 1`` of a split or of ``hf_all``, ``[stop - start, rows, Nt]``.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN, or lacks them.
        """
        if name not in self.manifest.shapes:
            raise ChannelInputError(f"{self.path}: got no {name}, expected a data set made with it")
        count = self.manifest.shapes[name][0]
        if not 0 <= start <= stop <= count:
            raise ChannelInputError(
                f"{self.path}: got {name} samples {start} to {stop - 1}, expected a range within the {count} it has"
            )
        with open_dataset(self.path, name) as dataset:
            values: NDArray[np.complex64] = dataset[start:stop]
        require_finite(values, f"{self.path}: {name}", start)
        return values

    def chunks(self, name: str) -> Iterator[NDArray[np.complex64]]:
        """All matrices of an array, a chunk at a time, as ``read``."""
        count, step = self.manifest.shapes[name][0], self.manifest.rows_per_chunk(name)
        for start in range(0, count, step):
            yield self.read(name, start, min(start + step, count))

    def _check_layout(self, name: str, dataset: h5py.Dataset) -> None:
        require_complete(dataset, f"{self.path}: {name}")
        shape = self.manifest.shapes[name]
        chunks = (self.manifest.rows_per_chunk(name), *shape[1:]) if shape[0] else None
        for what, found, expected in (
            ("type", dataset.dtype, DTYPE),
            ("shape", dataset.shape, shape),
            ("chunks", dataset.chunks, chunks),
        ):
            if found != expected:
                raise ChannelInputError(f"{self.path}: {name}: got {what} {one_line(found)}, expected {expected}")


def verify(path: Path) -> DatasetManifest:
    """Checks a data set in full: manifest, layout, finite numbers, and the hash of every array.

    Raises:
        ChannelInputError: in one line, for the first thing that is wrong.
    """
    dataset = DatasetFile(path)
    manifest = dataset.manifest
    for name in manifest.shapes:
        digest = hashlib.sha256()
        for values in dataset.chunks(name):
            digest.update(values.tobytes())
        _require_equal(f"{path}: {name}: SHA-256", digest.hexdigest(), manifest.sha256.get(name, "none"))
    _require_equal(f"{path}: content hash", manifest.hash_content(manifest.sha256), manifest.content_hash)
    return manifest


def _read_manifest(path: Path, file: h5py.File) -> DatasetManifest:
    texts: dict[str, Any] = {name: file.attrs.get(name) for name in ("manifest", "manifest_sha256")}
    for name, text in texts.items():
        if not isinstance(text, bytes):
            raise ChannelInputError(f"{path}: attribute {name}: got {one_line(text)}, expected that of a data set")
    stored = texts["manifest_sha256"].decode("ascii", errors="replace")
    _require_equal(f"{path}: manifest: SHA-256", hashlib.sha256(texts["manifest"]).hexdigest(), stored)
    manifest: DatasetManifest = parse(DatasetManifest, texts["manifest"], str(path))
    return manifest


def _require_equal(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise ChannelInputError(
            f"{what}: got {found[:12]}, expected {one_line(expected)[:12]}: the file is damaged or was edited"
        )
