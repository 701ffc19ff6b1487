"""Values of reports to bits and back: by the compiled kernel, or by its reference in Python where there is no compiler.

Both do the same integer arithmetic and make the same bits.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedback.c_library import load_library
from feedback.context_codec import reference_kernel, sizes
from feedback.context_codec.tables import KERNEL_LANES, ContextTables

_FLAGS = ("-O3", "-march=native", "-std=c11", f"-DLANES={KERNEL_LANES}", *sizes.FLAGS)
_HEADERS = ("arithmetic_coder.h", "context_model.h")


class LevelShape(NamedTuple):
    """Axes of a report's matrix, in coding order.

    Attributes:
        rows: delays, or what else decays from row to row.
        layers: polarisations and UE antennas, alike in power but not in phase.
        tilts: vertical beams of a planar array.
        columns: horizontal beams, which wrap round.
    """

    rows: int
    layers: int
    tilts: int
    columns: int

    @property
    def entries(self) -> int:
        """Complex entries of a matrix."""
        return self.rows * self.layers * self.tilts * self.columns


@dataclass(frozen=True)
class CodingRecord:
    """What the context model saw of each entry, for training.

    Attributes:
        levels: ``[n, entries, 2]``, int16.
        contexts: primary and secondary number, size of the predicted part, 2 x what is seen + whether the prediction is
            negative, ``[n, entries, 2, 4]``, uint8.
        inputs: logarithms of the activities around, ``[n, entries, inputs]``, uint8.
    """

    levels: NDArray[np.int16]
    contexts: NDArray[np.uint8]
    inputs: NDArray[np.uint8]

    @classmethod
    def empty(cls, n: int, entries: int, inputs: int = sizes.INPUTS) -> "CodingRecord":
        """Room for the records of ``n`` reports under tables of so many inputs."""
        return cls(
            np.zeros((n, entries, 2), np.int16),
            np.zeros((n, entries, 2, 4), np.uint8),
            np.zeros((n, entries, inputs), np.uint8),
        )


def encode_values(
    tables: ContextTables,
    shape: LevelShape,
    values: NDArray[np.int32],
    step_numbers: NDArray[np.int32],
    multiplier: int,
    record: CodingRecord | None = None,
    bases: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Chooses levels and codes them.

    Args:
        tables: of the context model.
        shape: of the matrices.
        values: real and imaginary parts in 1/256 step, ``[n, entries, 2]``.
        step_numbers: ``round(16 log2(step))`` of each report, ``[n]``.
        multiplier: what a bit may cost: 4096 times the squared error in steps that is worth one bit.
        record: filled in where it is given.
        bases: what was taken off the values, in 1/256 step, ``[n, entries, 2]``, so that the model knows of it.

    Returns:
        Bits 0 and 1, ``[n, longest]``, zeros behind the end of each, and their lengths, ``[n]``.
    """
    library = compiled()
    if library is None:
        return _padded(reference_kernel.encode_reports(tables, shape, values, step_numbers, multiplier, record, bases))
    n, capacity = len(values), 4 * shape.entries + 64
    values = np.ascontiguousarray(values, np.int32)
    step_numbers = np.ascontiguousarray(step_numbers, np.int32)
    bases = _whole(bases)
    while True:
        bits, lengths = np.zeros((n, capacity), np.uint8), np.zeros(n, np.int64)
        _checked(
            library.encode_reports(
                ctypes.byref(_c_tables(tables)),
                ctypes.byref(_CShape(*shape)),
                ctypes.c_int64(n),
                _at(values),
                _at(bases),
                _at(step_numbers),
                ctypes.c_int64(multiplier),
                ctypes.c_int64(capacity),
                _at(bits),
                _at(lengths),
                *(_at(array) for array in ((record.levels, record.contexts, record.inputs) if record else [None] * 3)),
            )
        )
        longest = int(lengths.max(initial=0))
        if longest <= capacity:
            return bits[:, :longest], lengths
        capacity = longest


def decode_values(
    tables: ContextTables,
    shape: LevelShape,
    bits: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    step_numbers: NDArray[np.int32],
    bases: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Values from bits, whatever bits they are.

    Args:
        tables: of the context model.
        shape: of the matrices.
        bits: ``[n, width]``, 0 and 1.
        lengths: bits that arrived of each report, ``[n]``, 0 to ``width``; zeros are taken for what lies behind.
        step_numbers: ``round(16 log2(step))`` of each report, ``[n]``.
        bases: as for ``encode_values``.

    Returns:
        Values in 1/256 step, ``[n, entries, 2]``, and the bits of each stream, ``[n]``; -1 for what is no stream.
    """
    library = compiled()
    if library is None:
        return reference_kernel.decode_reports(tables, shape, bits, lengths, step_numbers, bases)
    n = len(bits)
    bits, lengths = np.ascontiguousarray(bits, np.uint8), np.ascontiguousarray(lengths, np.int64)
    step_numbers = np.ascontiguousarray(step_numbers, np.int32)
    bases = _whole(bases)
    values, used = np.zeros((n, shape.entries, 2), np.int32), np.zeros(n, np.int64)
    _checked(
        library.decode_reports(
            ctypes.byref(_c_tables(tables)),
            ctypes.byref(_CShape(*shape)),
            ctypes.c_int64(n),
            _at(bits),
            ctypes.c_int64(bits.shape[1]),
            _at(lengths),
            _at(bases),
            _at(step_numbers),
            _at(values),
            _at(used),
        )
    )
    return values, used


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled kernel, or None, with a warning, where it cannot be compiled; found out once in a process."""
    without = "the context codec runs in Python, which takes 100 times as long"
    return load_library("feedback.context_codec", "report_kernel.c", _FLAGS, _HEADERS, without=without)


# In the order of the C structure.
_POINTERS = (
    *("hidden", "hidden_bias", "output", "output_bias", "predictor", "size_bounds"),
    *("zero", "agrees", "larger", "centroid", "probability", "price", "logarithm"),
)


class _CTables(ctypes.Structure):
    _fields_ = [
        ("width", ctypes.c_int32),
        ("inputs", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in _POINTERS),
    ]


class _CShape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in LevelShape._fields]


def _c_tables(tables: ContextTables) -> _CTables:
    """Pointers into the tables, whose arrays are contiguous as they come from a file, and into their network."""
    network = tables.kernel_network
    arrays = (network[name] if name in network else getattr(tables, name) for name in _POINTERS)
    return _CTables(len(network["hidden_bias"]), tables.inputs, *(array.ctypes.data for array in arrays))


def _whole(bases: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
    return None if bases is None else np.ascontiguousarray(bases, np.int32)


def _at(array: NDArray[Any] | None) -> ctypes.c_void_p | None:
    return None if array is None else ctypes.c_void_p(array.ctypes.data)


def _checked(status: int) -> None:
    if status:
        raise MemoryError("context codec: no memory for the levels of one report")


def _padded(streams: list[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    lengths = np.array([len(stream) for stream in streams], np.int64)
    bits = np.zeros((len(streams), int(lengths.max(initial=0))), np.uint8)
    for row, stream in zip(bits, streams, strict=True):
        row[: len(stream)] = stream
    return bits, lengths
