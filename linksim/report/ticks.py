"""Ticks of logarithmic axes: never a lone number, whatever stretch of the axis is shown."""

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Fewer labelled ticks do not say what the scale is.
_FEWEST = 3
_MOST = 7
_HALVES = {2: (1.0, 1.5), 10: (1.0, 2.0, 5.0)}
_LONG_NUMBER = 1e5


def log_ticks(low: float, high: float, base: int) -> list[float]:
    """Places of ticks from ``low`` to ``high``, both positive: powers of the base, or what is round between them."""
    for subdivisions in ((1.0,), _HALVES[base]):
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
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def number_text(value: float) -> str:
    """A number for a tick; long ones with their power of ten."""
    if 1e-3 <= value < _LONG_NUMBER:
        return f"{value:.6g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}\\cdot"
    return f"${factor}10^{{{int(exponent)}}}$"


def _within(ticks: list[float], low: float, high: float) -> list[float]:
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
