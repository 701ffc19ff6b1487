"""Dominant eigenvectors of ``A^H A`` by a kernel in C."""

import ctypes
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from channels.c_library import load_library

_FLAGS = ("-O3", "-march=native", "-std=gnu11", "-fno-trapping-math", "-fno-math-errno", "-lm")


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled kernel, or None, with a warning, where it cannot be compiled; found out once in a process."""
    without = "eigenvectors of subbands are found in PyTorch, which takes several times as long"
    return load_library("linksim", "dominant_vectors.c", _FLAGS, without=without)


def takes(rows: Tensor) -> bool:
    """Whether the kernel is there, and is for such matrices: on the CPU, complex64, without gradient."""
    suits = rows.device.type == "cpu" and rows.dtype == torch.complex64 and not rows.requires_grad
    return suits and compiled() is not None


def dominant_vectors(rows: Tensor) -> Tensor:
    """Eigenvectors of the largest eigenvalue of ``A^H A``, each of the batch as if it were alone.

    Args:
        rows: ``A``, ``[batch, m, n]``, that the kernel takes; any power of it that float32 has. Entries of a matrix lie
            together, matrices where they like.

    Returns:
        ``[batch, n]``, complex64, of unit norm and any phase; zero for zeros.

    Raises:
        MemoryError: if there is none for one matrix.
    """
    vectors = rows.new_empty(rows.shape[0], rows.shape[2])
    _fill(vectors, rows)
    return vectors


def dominant_vectors_of_bands(rows: Tensor, bands: Sequence[slice]) -> Tensor:
    """``dominant_vectors`` of bands of rows, without a copy of them.

    Args:
        rows: ``[batch, m, n]``, likewise.
        bands: the rows of each.

    Returns:
        ``[batch, bands, n]``, complex64.
    """
    rows = _together(rows)
    vectors = rows.new_empty(rows.shape[0], len(bands), rows.shape[2])
    for number, band in enumerate(bands):
        _fill(vectors[:, number], rows[:, band])
    return vectors


def _together(rows: Tensor) -> Tensor:
    rows = rows.resolve_conj()
    return rows if rows.stride()[1:] == (rows.shape[2], 1) else rows.contiguous()


def _fill(vectors: Tensor, rows: Tensor) -> None:
    rows, library = _together(rows), compiled()
    assert library is not None
    sizes = (*rows.shape, 2 * rows.stride(0), 2 * vectors.stride(0))
    places = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (rows, vectors))
    if library.dominant_vectors(*map(ctypes.c_int64, sizes), *places):
        raise MemoryError("eigenvectors: no memory for one matrix")
