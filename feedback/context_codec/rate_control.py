"""Steps at which reports have a wanted number of bits: on average, or each of them at most."""

import itertools
import math
from collections.abc import Callable

from feedback.errors import FeedbackInputError

# Steps 96 to an octave, so that bits are met to about half a per cent: from 2^-7 to 2^5 times the scale.
_PER_OCTAVE = 96
_FINEST, _COARSEST = -7 * _PER_OCTAVE, 5 * _PER_OCTAVE
COARSEST_STEP = 2.0 ** (_COARSEST / _PER_OCTAVE)
# Channels that tell roughly where the step lies.
_FEW = 200
# Steps tried where straight lines point, before what is left is halved.
_MOST_GUESSES = 8
# Whose logarithm stands for that of no bits.
_NO_BITS = 1e-9


def finest_step(mean_bits: Callable[[float, int], float], n: int, target_bits: float) -> float:
    """The finest step of a grid that takes no more than ``target_bits`` on average.

    Args:
        mean_bits: of reports at a step, over the first so many channels; the less, the coarser the step.
        n: channels that there are.
        target_bits: bits of a report, all counted.

    Raises:
        FeedbackInputError: if there are no channels, or no step of the grid has so few bits.
    """
    if n == 0:
        raise FeedbackInputError("target_bits: got no channels to find a step for, expected some")
    few = min(n, _FEW)
    found, slope = _first(lambda number: mean_bits(_step(number), few), target_bits, 0, -1.0 / _PER_OCTAVE)
    if n > _FEW:
        found, _ = _first(lambda number: mean_bits(_step(number), n), target_bits, found, slope)
    if (bits := mean_bits(_step(found), n)) > target_bits:
        raise FeedbackInputError(
            f"target_bits: got {target_bits:g}, expected more than {bits:.4g}, which is what reports take at the "
            f"coarsest step of {_step(found):.3g}"
        )
    return _step(found)


def _step(number: int) -> float:
    return float(2.0 ** (number / _PER_OCTAVE))


def _first(bits: Callable[[int], float], target: float, guess: int, slope: float) -> tuple[int, float]:
    """The first number of the grid that takes no more bits than the target, the last one if none before does.

    The next to be tried is where a straight line meets the target: logarithms of the bits over the numbers, through the
    two that were tried last.

    Args:
        bits: of a number, the less the larger it is.
        target: bits that a number may take.
        guess: what is tried first.
        slope: of the line through that one.

    Returns:
        The number, and the slope there.
    """
    # The number lies above `above`, and is `fits` at most.
    above, fits = _FINEST - 1, _COARSEST
    tried: tuple[int, float] | None = None
    for count in itertools.count():
        if fits - above == 1:
            break
        number = min(max(guess, above + 1), fits - 1) if count < _MOST_GUESSES else (above + fits) // 2
        taken = bits(number)
        above, fits = (above, number) if taken <= target else (number, fits)
        excess = math.log(max(taken, _NO_BITS) / target)
        if tried is not None and (steepness := (excess - tried[1]) / (number - tried[0])) < 0:
            slope = steepness
        tried = number, excess
        guess = math.ceil(min(max(number - excess / slope, _FINEST), _COARSEST))
    return fits, slope
