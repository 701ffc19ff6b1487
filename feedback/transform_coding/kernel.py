"""Coefficients to bits and back: by the compiled kernel, or by its reference in Python where there is no compiler.

Both do the same arithmetic and make the same bits.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.c_library import load_library
from feedback.transform_coding import reference_kernel, sizes

_FLAGS = ("-O3", "-march=native", "-std=c11", *sizes.FLAGS)
_HEADERS = ("feedback.context_codec/arithmetic_coder.h",)


@dataclass(frozen=True)
class LevelCode:
    """What UE and BS have in common: integers alone.

    Attributes:
        spread: ``16 log2`` of the standard deviation of a part of each coefficient, ``[components, entries]``, int16.
        label: probability, in 1/65536, that the next bit of a label is 1, by the bits before it with a leading one,
            ``[2^label_bits]``, uint16.
        label_price: bits of each label in 1/256, ``[components]``, int32.
        decision: probabilities of the decisions on a level, ``[CLASSES, SEEN, DECISIONS]``, uint16.
        price: bits of the sizes in 1/256, sign included, ``[CLASSES, SEEN, PRICED]``, int32.
    """

    spread: NDArray[np.int16]
    label: NDArray[np.uint16]
    label_price: NDArray[np.int32]
    decision: NDArray[np.uint16]
    price: NDArray[np.int32]

    @property
    def components(self) -> int:
        """How many sets of axes a report may choose from."""
        return len(self.spread)

    @property
    def entries(self) -> int:
        """Complex coefficients of a report."""
        return self.spread.shape[1]

    @property
    def label_bits(self) -> int:
        """Bits of a label before they are coded."""
        return (self.components - 1).bit_length()

    def in_c(self, sets: int) -> "_CCode":
        """As the kernel takes it, for so many sets of coefficients; the arrays have to stay contiguous and alive."""
        arrays = (self.spread, self.label, self.label_price, self.decision, self.price)
        return _CCode(self.components, sets, self.entries, self.label_bits, *(array.ctypes.data for array in arrays))


@dataclass(frozen=True)
class CodedLevels:
    """Reports as they are sent, and what is in them.

    Attributes:
        bits: 0 and 1, ``[n, longest]``, zeros behind the end of each.
        lengths: of the reports, ``[n]``, int64.
        labels: components, ``[n]``, int32.
        levels: ``[n, entries, 2]``, int32.
    """

    bits: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int32]
    levels: NDArray[np.int32]


def encode_levels(
    code: LevelCode,
    values: NDArray[np.float64],
    step: NDArray[np.float64],
    step_numbers: NDArray[np.int32],
    weight: int,
) -> CodedLevels:
    """Chooses component and levels of each report, and codes them.

    Args:
        code: what both sides know.
        values: real and imaginary parts of the coefficients, ``[n, sets, entries, 2]``: one set for each component, or
            one for all.
        step: quantiser step of each report, ``[n]``; infinite makes all levels zero.
        step_numbers: ``round(16 log2(step))``, ``[n]``.
        weight: what a bit may cost: 4096 times the squared error in steps that is worth one bit.
    """
    n = len(values)
    values, factors = np.ascontiguousarray(values, np.float64), np.ascontiguousarray(256 / step, np.float64)
    step_numbers = np.ascontiguousarray(step_numbers, np.int32)
    library = compiled()
    if library is None:
        streams, labels, levels = reference_kernel.encode_levels(code, values, factors, step_numbers, weight)
        lengths = np.array([len(stream) for stream in streams], np.int64)
        bits = np.zeros((n, int(lengths.max(initial=0))), np.uint8)
        for row, stream in zip(bits, streams, strict=True):
            row[: len(stream)] = stream
        return CodedLevels(bits, lengths, labels, levels)
    capacity = 4 * code.entries + 64
    in_c = code.in_c(values.shape[1])
    while True:
        bits, lengths = np.zeros((n, capacity), np.uint8), np.zeros(n, np.int64)
        labels, levels = np.zeros(n, np.int32), np.zeros((n, code.entries, 2), np.int32)
        arrays = (bits, lengths, labels, levels)
        status = library.encode_levels(
            ctypes.byref(in_c),
            ctypes.c_int64(n),
            *(_at(array) for array in (values, factors, step_numbers)),
            ctypes.c_int64(weight),
            ctypes.c_int64(capacity),
            *(_at(array) for array in arrays),
        )
        if status:
            raise MemoryError("transform coding: no memory for the levels of one report")
        longest = int(lengths.max(initial=0))
        if longest <= capacity:
            return CodedLevels(bits[:, :longest], lengths, labels, levels)
        capacity = longest


def decode_levels(
    code: LevelCode, bits: NDArray[np.uint8], lengths: NDArray[np.int64], step_numbers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Components and levels from bits, whatever bits they are.

    Args:
        code: what both sides know.
        bits: ``[n, width]``, 0 and 1.
        lengths: bits that arrived of each report, ``[n]``, 0 to ``width``; zeros are taken for what lies behind.
        step_numbers: ``round(16 log2(step))``, ``[n]``.

    Returns:
        Labels ``[n]``, levels ``[n, entries, 2]``, and the bits of each stream, ``[n]``; -1 for what is no stream.
    """
    library = compiled()
    if library is None:
        return reference_kernel.decode_levels(code, bits, lengths, step_numbers)
    n = len(bits)
    bits, lengths = np.ascontiguousarray(bits, np.uint8), np.ascontiguousarray(lengths, np.int64)
    step_numbers = np.ascontiguousarray(step_numbers, np.int32)
    labels, levels = np.zeros(n, np.int32), np.zeros((n, code.entries, 2), np.int32)
    used = np.zeros(n, np.int64)
    library.decode_levels(
        ctypes.byref(code.in_c(1)),
        ctypes.c_int64(n),
        _at(bits),
        ctypes.c_int64(bits.shape[1]),
        *(_at(array) for array in (lengths, step_numbers, labels, levels, used)),
    )
    return labels, levels, used


def classes_of(spread: NDArray[np.int16], step_numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    """Classes of coefficients ``[n, entries]`` in reports of the given steps ``[n]``, as the kernel finds them."""
    apart = spread.astype(np.int64) - step_numbers.astype(np.int64)[:, None]
    per_octave = sizes.CLASSES_PER_OCTAVE
    found: NDArray[np.int64] = (apart + 16 * sizes.FINEST_OCTAVE + 8 // per_octave) * per_octave // 16
    return np.clip(found, 0, sizes.CLASSES - 1)


def seen_of(levels: NDArray[np.int32]) -> NDArray[np.int64]:
    """What is known when each part is coded, ``[..., 2]``, from levels ``[..., 2]``."""
    seen = np.zeros(levels.shape, np.int64)
    seen[..., 1] = 1 + np.minimum(np.abs(levels[..., 0]), 2)
    return seen


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled kernel, or None, with a warning, where it cannot be compiled; found out once in a process."""
    without = "transform coding runs in Python, which takes 100 times as long"
    return load_library("feedback.transform_coding", "level_kernel.c", _FLAGS, _HEADERS, without=without)


class _CCode(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("components", "sets", "entries", "label_bits")),
        *((name, ctypes.c_void_p) for name in ("spread", "label", "label_price", "decision", "price")),
    ]


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
