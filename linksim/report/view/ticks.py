"""Ticks of logarithmic axes: never a lone number, whatever stretch of the axis is shown."""

import itertools
import math
from collections.abc import Iterator

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Fewer labelled ticks do not say what the scale is.
_FEWEST = 3
_MOST = 7
# What is round between two powers of a base, the first choice first.
_PARTS = {2: ((1.0,), (1.0, 1.5)), 10: ((1.0,), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0, 2.0, 3.0, 5.0, 7.0))}
# No stretch of an axis without a label is longer than this share of it.
_LONGEST_GAP = 0.5
# Numbers from here on are written with powers of ten; powers of two stay what they are.
_LONGEST = {2: 1e7, 10: 1e4}


def log_ticks(low: float, high: float, base: int, most: int = _MOST) -> list[float]:
    """Places of ticks from ``low`` to ``high``, both positive: powers of the base, or what is round between them.

    They are at least three, and no half of the axis is without one.

    Args:
        low: lower end of the axis.
        high: upper end of the axis.
        base: base of the logarithm, 2 or 10.
        most: how many labels have room; exceeded only where fewer would not say what the scale is.
    """
    even = [ticks for ticks in _choices(low, high, base) if len(ticks) >= _FEWEST and _is_even(ticks, low, high)]
    fitting = [ticks for ticks in even if len(ticks) <= most]
    return next(iter(fitting), min(even, key=len, default=[low, math.sqrt(low * high), high]))


def _choices(low: float, high: float, base: int) -> Iterator[list[float]]:
    """Powers, ever fewer of them; powers and what is round between; what is round on a linear scale."""
    first, last = math.floor(math.log(low, base)), math.ceil(math.log(high, base))
    for stride in range(1, max(2, last - first)):
        yield _within([float(base) ** k for k in range(first, last + 1) if k % stride == 0], low, high)
    for parts in _PARTS[base][1:]:
        yield _within([float(base) ** k * part for k in range(first, last + 1) for part in parts], low, high)
    for count in (5, 4, 3):
        yield _within([float(tick) for tick in MaxNLocator(count).tick_values(low, high)], low, high)


def _is_even(ticks: list[float], low: float, high: float) -> bool:
    places = [math.log(place) for place in (low, *ticks, high)]
    longest = max(right - left for left, right in itertools.pairwise(places))
    # Rounding of logarithms of the ends.
    return longest <= _LONGEST_GAP * (places[-1] - places[0]) + 1e-9


def set_log_ticks(axis: Axis, base: int) -> None:
    """Puts them on an axis whose limits are set."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(FixedLocator(log_ticks(float(low), float(high), base)))
    axis.set_minor_locator(NullLocator())
    longest = _LONGEST[base]
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value, longest)))


def number_text(value: float, longest: float = 1e4) -> str:
    """A number for a tick; from ``longest`` on with its power of ten."""
    if 1e-3 <= value < longest:
        return f"{value:.6g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}\\cdot"
    return f"${factor}10^{{{int(exponent)}}}$"


def _within(ticks: list[float], low: float, high: float) -> list[float]:
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
