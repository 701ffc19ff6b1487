"""Ticks of logarithmic axes: never a lone number, whatever stretch of the axis is shown."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Fewer labelled ticks do not say what the scale is.
_FEWEST = 3
_MOST = 7
# What is round between two powers of a base, ever finer.
_PARTS = {2: ((1.0,), (1.0, 1.5)), 10: ((1.0,), (1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 5.0, 7.0))}
# Numbers from here on are written with powers of ten; powers of two stay what they are.
_LONGEST = {2: 1e7, 10: 1e4}


def log_ticks(low: float, high: float, base: int) -> list[float]:
    """Places of ticks from ``low`` to ``high``, both positive: powers of the base, or what is round between them."""
    for subdivisions in _PARTS[base]:
        first, last = math.floor(math.log(low, base)), math.ceil(math.log(high, base))
        stride = 1
        ticks = _within([base**k * part for k in range(first, last + 1) for part in subdivisions], low, high)
        while len(ticks) > _MOST:
            stride += 1
            ticks = _within([float(base) ** k for k in range(first, last + 1) if k % stride == 0], low, high)
        if len(ticks) >= _FEWEST:
            return ticks
    ticks = _within([float(tick) for tick in MaxNLocator(5).tick_values(low, high)], low, high)
    return ticks if len(ticks) >= _FEWEST else [low, math.sqrt(low * high), high]


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
