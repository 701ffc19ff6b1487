"""Steps at which reports have a wanted number of bits: on average, or each of them at most."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.limits import MAX_BITS, MAX_STEP, MIN_STEP
from feedback.context_codec.side_information import STEP_BITS
from feedback.errors import FeedbackInputError

# Channels that the step and the reserved bits are found from, and what is reserved over the longest report among them.
STEP_REPORTS = 2000
RESERVE = 1.25
# Steps 96 to an octave, so that bits are met to about half a per cent: from 2^-7 to 2^5 times the scale.
_PER_OCTAVE = 96
_FINEST, _COARSEST = -7 * _PER_OCTAVE, 5 * _PER_OCTAVE
# Channels that narrow the steps down, and how far the rest may correct them.
_FEW = 200
_MARGIN = _PER_OCTAVE // 4


def step_for_bits(codec: ContextCodec, matrices: NDArray[np.complexfloating], target_bits: float) -> float:
    """The finest step of a grid whose reports take no more than ``target_bits`` on average.

    Args:
        codec: with any step; the others of its keys count.
        matrices: channels to average over, ``[n, *shape]``.
        target_bits: bits of a report, all counted.

    Raises:
        FeedbackInputError: if there are no channels, or no step of the grid has so few bits.
    """

    def mean_bits(step: float, count: int) -> float:
        return float(replace(codec, step=step).encode(matrices[:count])[1].mean())

    return finest_step(mean_bits, len(matrices), target_bits)


def finest_step(mean_bits: Callable[[float, int], float], n: int, target_bits: float) -> float:
    """The finest step of a grid that takes no more than ``target_bits`` on average.

    Args:
        mean_bits: of reports at a step, over the first so many channels.
        n: channels that there are.
        target_bits: bits of a report, all counted.

    Raises:
        FeedbackInputError: if there are no channels, or no step of the grid has so few bits.
    """
    if n == 0:
        raise FeedbackInputError("target_bits: got no channels to find a step for, expected some")
    few = min(n, _FEW)
    roughly = _first(_FINEST, _COARSEST, lambda number: mean_bits(_step(number), few) <= target_bits)
    low, high = max(roughly - _MARGIN, _FINEST), min(roughly + _MARGIN, _COARSEST)
    if n > _FEW:
        roughly = _first(low, high, lambda number: mean_bits(_step(number), n) <= target_bits)
    if (found := mean_bits(_step(roughly), n)) > target_bits:
        raise FeedbackInputError(
            f"target_bits: got {target_bits:g}, expected more than {found:.4g}, which is what reports take at the "
            f"coarsest step of {_step(roughly):.3g}"
        )
    return _step(roughly)


def finest_fitting(n: int, fits: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Numbers of the finest steps at which each of ``n`` reports fits, ``2^STEP_BITS`` where none does.

    Bits hardly ever grow with the step, so a bisection finds it; what is taken did fit.

    Args:
        n: how many reports.
        fits: which reports fit at steps of these numbers ``[n]``, ``0 .. 2^STEP_BITS - 1``.
    """
    # `coarse` fits, or is past the end; `fine` does not, or is before the beginning.
    fine, coarse = np.full(n, -1), np.full(n, 2**STEP_BITS)
    for _ in range(STEP_BITS + 1):
        middle = np.clip((fine + coarse) // 2, 0, 2**STEP_BITS - 1)
        fitting = fits(middle)
        coarse = np.where(fitting & (middle < coarse), middle, coarse)
        fine = np.where(~fitting, middle, fine)
    return coarse


def check_learnt_step(step: float, max_bits: float) -> None:
    """Passes a step and bits to reserve that a report may have.

    Raises:
        FeedbackInputError: for others.
    """
    if not (MIN_STEP <= step <= MAX_STEP and 1 <= max_bits <= MAX_BITS):
        raise FeedbackInputError(
            f"context: got step {step:g} and {max_bits:g} bits to reserve, expected {MIN_STEP:g} to {MAX_STEP:g}, and "
            f"1 to {MAX_BITS}"
        )


def _step(number: int) -> float:
    return float(2.0 ** (number / _PER_OCTAVE))


def _first(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The first number from ``low`` that fits, ``high`` where none does before; once one fits, all after it do."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low
