"""The step at which reports of a kind of channel have a wanted number of bits on average."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec.codec import ContextCodec
from feedback.errors import FeedbackInputError

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
    if len(matrices) == 0:
        raise FeedbackInputError("target_bits: got no channels to find a step for, expected some")

    def mean_bits(number: int, channels: NDArray[np.complexfloating]) -> float:
        return float(replace(codec, step=_step(number)).encode(channels)[1].mean())

    roughly = _first(_FINEST, _COARSEST, lambda number: mean_bits(number, matrices[:_FEW]) <= target_bits)
    low, high = max(roughly - _MARGIN, _FINEST), min(roughly + _MARGIN, _COARSEST)
    if len(matrices) > _FEW:
        roughly = _first(low, high, lambda number: mean_bits(number, matrices) <= target_bits)
    if (found := mean_bits(roughly, matrices)) > target_bits:
        raise FeedbackInputError(
            f"target_bits: got {target_bits:g}, expected more than {found:.4g}, which is what reports take at the "
            f"coarsest step of {_step(roughly):.3g}"
        )
    return _step(roughly)


def _step(number: int) -> float:
    return float(2.0 ** (number / _PER_OCTAVE))


def _first(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The first number from ``low`` that fits, ``high`` where none does before; once one fits, all after it do."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low
