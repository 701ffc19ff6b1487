"""Limits of an axis that one far curve does not stretch, and marks where a curve lies outside of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from linksim.report.view.metric_format import MetricText

Limits = tuple[float, float]

# An axis that is this many times as long as without a curve is too long for all others. A compressor that is much
# better than others belongs in the picture; one that makes five sixths of it empty does not.
_STRETCH = 6.0
# What the others must span at least, in dB, and relative to the largest value of other quantities.
_MIN_SPAN_DB = 3.0
_MIN_SPAN = 0.05
# No report at all has an error of 0 dB; what is far above says no more.
WORST_ERROR_DB = 10.0
# How far beyond the rivals an axis reaches for the sake of references, relative to their span.
_REFERENCE_ROOM = 0.5
_MARGIN = 0.06
_MARK_ROOM = 0.14
_MARK_SIZE = 6.0


def robust_limits(
    metric: MetricText, rivals: Mapping[str, Sequence[float]], references: Mapping[str, Sequence[float]]
) -> Limits | None:
    """Ends of the values that an axis should show, ``None`` where it should show them all.

    A rival is left out while the axis would be 6 times as long with it as without; two stay, and at least half.
    References may lengthen the axis by half at either end.

    Args:
        metric: what is shown.
        rivals: values by curve, with the ends of their intervals.
        references: values of curves that only are there to compare with.
    """
    kept = {name: found for name, values in rivals.items() if len(found := _finite(values))}
    others = [found for values in references.values() if len(found := _finite(values))]
    if metric.logarithmic or not kept:
        return None
    everything = np.concatenate([*kept.values(), *others])
    for _ in range((len(kept) - 1) // 2):
        farthest = min(kept, key=lambda name: _span(_without(kept, name)))
        rest = _without(kept, farthest)
        if _span(list(kept.values())) <= _STRETCH * max(_span(rest), _least_span(metric, rest)):
            break
        del kept[farthest]
    values = np.concatenate(list(kept.values()))
    low, high = float(values.min()), float(values.max())
    room = _REFERENCE_ROOM * max(high - low, _least_span(metric, [values]))
    near = [part[(part >= low - room) & (part <= high + room)] for part in others]
    values = np.concatenate([values, *near])
    low, high = float(values.min()), float(values.max())
    if metric.is_error_db and high > WORST_ERROR_DB > low:
        high = WORST_ERROR_DB
    return None if low <= everything.min() and high >= everything.max() else (low, high)


def _least_span(metric: MetricText, parts: Sequence[NDArray[np.float64]]) -> float:
    return _MIN_SPAN_DB if metric.is_error_db else _MIN_SPAN * float(np.abs(np.concatenate(parts)).max())


def apply_limits(axes: Axes, limits: Limits, outside: Iterable[float], *, vertical: bool = True) -> Limits:
    """Sets the limits of an axis with some room, more of it on a side where marks will be; returns what was set."""
    low, high = limits
    span = (high - low) or abs(high) or 1.0
    values = _finite(list(outside))
    low -= span * (_MARK_ROOM if (values < limits[0]).any() else _MARGIN)
    # Errors above the worst are cut off at it.
    high += 0.0 if high == WORST_ERROR_DB else span * (_MARK_ROOM if (values > limits[1]).any() else _MARGIN)
    (axes.set_ylim if vertical else axes.set_xlim)(low, high)
    return low, high


def mark_outside(
    axes: Axes, curves: Mapping[str, tuple[Sequence[float], str]], metric: MetricText, *, vertical: bool = True
) -> list[str]:
    """Marks curves that leave an axis: an arrow at its end, their name and how far they go.

    Args:
        axes: panel whose limits are set.
        curves: values and colour by name.
        metric: how values are written.
        vertical: whether it is the vertical axis.

    Returns:
        Names of the curves that were marked.
    """
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    marks = []
    for name, (values, colour) in curves.items():
        found = _finite(values)
        marks += [(name, colour, found[beyond], upper) for beyond, upper in ((found < low, 0), (found > high, 1))]
    marks = [mark for mark in marks if len(mark[2])]
    for upper in (0, 1):
        side = [mark for mark in marks if mark[3] == upper]
        for i, (name, colour, far, _) in enumerate(side):
            nearest, farthest = (far.max(), far.min()) if upper == 0 else (far.min(), far.max())
            ends = dict.fromkeys(_short(metric, float(end)) for end in (nearest, farthest))
            along, line = (i + 0.5) / len(side), i if vertical else 0
            _mark(axes, f"{name} {' to '.join(ends)}", colour, (along, upper), line, vertical=vertical)
    return list(dict.fromkeys(name for name, *_ in marks))


def _short(metric: MetricText, value: float) -> str:
    """A value with a decimal less than in tables."""
    digits = None if metric.digits is None else max(metric.digits - 1, 0)
    return replace(metric, digits=digits).text(value)


def _mark(axes: Axes, text: str, colour: str, along_and_end: tuple[float, int], line: int, *, vertical: bool) -> None:
    """An arrow at the lower (0) or upper (1) end of an axis, and a text inside; texts of several stand in lines."""
    along, upper = along_and_end
    place = (along, float(upper)) if vertical else (float(upper), along)
    inside = (-1 if upper else 1) * (4 + line * (_MARK_SIZE + 1.5))
    across = "left" if along < 1 / 3 else "right" if along > 2 / 3 else "center"
    arrow = {(True, 0): "v", (True, 1): "^", (False, 0): "<", (False, 1): ">"}[vertical, upper]
    axes.plot(
        [place[0]], [place[1]], arrow, transform=axes.transAxes, color=colour, markersize=4, clip_on=False, zorder=5
    )
    axes.annotate(
        text, place, xycoords="axes fraction", xytext=(0, inside) if vertical else (1.5 * inside, 0),
        textcoords="offset points", ha=across if vertical else ("right" if upper else "left"),
        va=("top" if upper else "bottom") if vertical else "center", fontsize=_MARK_SIZE, color=colour, zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.4},
    )  # fmt: skip


def _without(kept: Mapping[str, NDArray[np.float64]], name: str) -> list[NDArray[np.float64]]:
    return [values for other, values in kept.items() if other != name]


def _span(parts: Sequence[NDArray[np.float64]]) -> float:
    values = np.concatenate(parts)
    return float(values.max() - values.min())


def _finite(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]
