"""The kernel of ``level_kernel.c`` in plain Python: the same integers, hence the same bits.

It runs where there is no compiler, and checks the compiled one in the tests. Names are those of the C source, which
says what each step is for.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec.reference_coder import BitReader, BitWriter
from feedback.transform_coding import sizes as s


def encode_levels(
    code: Any,
    values: NDArray[np.float64],
    factors: NDArray[np.float64],
    step_numbers: NDArray[np.int32],
    weight: int,
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int32], NDArray[np.int32]]:
    """As ``kernel.encode_levels``, one array of bits a report; and labels and levels."""
    labels, levels = np.zeros(len(values), np.int32), np.zeros((len(values), code.entries, 2), np.int32)
    streams = []
    for index, (sets, factor, number) in enumerate(
        zip(values.tolist(), factors.tolist(), step_numbers.tolist(), strict=True)
    ):
        least_cost, best, label = math.inf, [], 0
        for component in range(code.components):
            of_it = sets[component] if len(sets) > 1 else sets[0]
            cost, tried = _choose(code, component, of_it, factor, number, weight)
            if cost < least_cost:
                least_cost, best, label = cost, tried, component
        writer = BitWriter()
        _code_label(writer, code, label)
        _code_levels(writer, code, label, number, best)
        writer.close()
        streams.append(np.array(writer.bits, np.uint8))
        labels[index], levels[index] = label, best
    return streams, labels, levels


def decode_levels(
    code: Any, bits: NDArray[np.uint8], lengths: NDArray[np.int64], step_numbers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """As ``kernel.decode_levels``."""
    n = len(bits)
    labels, levels = np.zeros(n, np.int32), np.zeros((n, code.entries, 2), np.int32)
    used = np.full(n, -1, np.int64)
    for index, (length, number) in enumerate(zip(lengths.tolist(), step_numbers.tolist(), strict=True)):
        reader = BitReader(bits[index, :length].tolist())
        label = _code_label(reader, code, 0)
        if label < code.components:
            found = [[0, 0] for _ in range(code.entries)]
            _code_levels(reader, code, label, number, found)
            labels[index], levels[index], used[index] = label, found, reader.stream_length()
    return labels, levels, used


def _class_of(spread: int, step_number: int) -> int:
    found = (spread - step_number + 16 * s.FINEST_OCTAVE + 8 // s.CLASSES_PER_OCTAVE) * s.CLASSES_PER_OCTAVE
    return max(0, min(found // 16, s.CLASSES - 1))


def _seen_of(real: int) -> int:
    return 1 if real == 0 else 2 if abs(real) == 1 else 3


def _octave_of(size: int) -> int:
    return size.bit_length() - 1


def _price_of(price: NDArray[np.int32], size: int) -> int:
    if size < s.PRICED:
        return int(price[size])
    return int(price[s.PRICED - 1]) + 512 * (_octave_of(size) - _octave_of(s.PRICED - 1))


def _chosen(price: NDArray[np.int32], size: int, weight: int) -> tuple[int, int]:
    nearest = (size + 128) >> 8
    least_cost, best = 16 * size * size + weight * int(price[0]), 0
    for k in (nearest, nearest - 1):
        error = size - 256 * k
        cost = 16 * error * error + weight * _price_of(price, k) if k > 0 else least_cost
        if cost < least_cost:
            least_cost, best = cost, k
    return least_cost, best


def _choose(
    code: Any, component: int, values: list[list[float]], factor: float, step_number: int, weight: int
) -> tuple[int, list[list[int]]]:
    total, levels = weight * int(code.label_price[component]), []
    for spread, (real, imaginary) in zip(code.spread[component].tolist(), values, strict=True):
        price = code.price[_class_of(spread, step_number)]
        # Python and C both round halves to even.
        size, size2 = (int(min(round(abs(part) * factor), 256 * s.MAX_LEVEL)) for part in (real, imaginary))
        cost, level = _chosen(price[0], size, weight)
        cost2, level2 = _chosen(price[_seen_of(level)], size2, weight)
        none = 16 * (size * size + size2 * size2) + weight * (int(price[0, 0]) + int(price[1, 0]))
        if none <= cost + cost2:
            level = level2 = 0
        total += min(none, cost + cost2)
        levels.append([-level if real < 0 else level, -level2 if imaginary < 0 else level2])
    return total, levels


def _code_level(coder: BitWriter, p: list[int], level: int) -> int:
    if coder.code(int(level == 0), p[0]):
        return 0
    sign, size = (-1 if coder.code(int(level < 0), 32768) else 1), abs(level)
    wanted, octave, found = (0 if coder.reading else _octave_of(size)), 0, 1
    while octave < s.OCTAVES - 1 and coder.code(int(wanted > octave), p[1 + octave]):
        octave += 1
    for k in range(octave - 1, -1, -1):
        one = p[s.OCTAVES + k] if k == octave - 1 else 32768
        found = 2 * found + coder.code(size >> k & 1, one)
    return sign * found


def _code_label(coder: BitWriter, code: Any, label: int) -> int:
    node = 1
    for k in range(code.label_bits - 1, -1, -1):
        node = 2 * node + coder.code(label >> k & 1, int(code.label[node]))
    return node - (1 << code.label_bits)


def _code_levels(coder: BitWriter, code: Any, component: int, step_number: int, levels: list[list[int]]) -> None:
    for spread, level in zip(code.spread[component].tolist(), levels, strict=True):
        p = code.decision[_class_of(spread, step_number)]
        level[0] = _code_level(coder, p[0].tolist(), level[0])
        level[1] = _code_level(coder, p[_seen_of(level[0])].tolist(), level[1])
