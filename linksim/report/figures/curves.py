"""One panel of a figure: a metric of all compressors over one axis, with confidence intervals."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox, TransformedBbox

from linksim.report.view.axes import axis_values
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.metric_format import MetricText, drawable, metric_text
from linksim.report.view.style import plain_text
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.axis import Axis

# More values than this on one axis do not all get a tick.
MAX_TICKS = 9
TICK_STEPS = (1, 2, 2.5, 5, 10)


class XPositions:
    """Where the values of an axis lie: ratios on a log2 scale, names and the perfect link beside the numbers."""

    def __init__(self, axis: Axis, values: Sequence[float | str]) -> None:
        self.axis = axis
        self.values = list(values)
        numbers = [value for value in self.values if not isinstance(value, str) and np.isfinite(value)]
        named = len(numbers) < len(self.values) and any(isinstance(value, str) for value in self.values)
        if named or not numbers:
            self.places = [float(i) for i in range(len(self.values))]
        else:
            step = (numbers[-1] - numbers[0]) / max(len(numbers) - 1, 1) or 1.0
            places = [value if np.isfinite(value) else numbers[-1] + step for value in self.values]
            self.places = [axis.scale * float(place) for place in places]
        self.logarithmic = axis.column == "compression_ratio" and not named and len(numbers) == len(self.values)
        regular = self._evenly_spaced() and len(numbers) <= MAX_TICKS
        self.ticked = named or self.logarithmic or len(numbers) < len(self.values) or regular

    def of(self, rows: pd.DataFrame) -> np.ndarray:
        """Places of the rows of a table."""
        # Not a number is not equal to itself.
        table = {value: place for value, place in zip(self.values, self.places, strict=True) if not pd.isna(value)}
        missing = next((x for value, x in zip(self.values, self.places, strict=True) if pd.isna(value)), math.nan)
        return np.array([missing if pd.isna(value) else table[value] for value in rows[self.axis.column]])

    def apply(self, axes: Axes) -> None:
        """Scale, label and ticks of the horizontal axis."""
        axes.set_xlabel(plain_text(self.axis.label))
        if self.logarithmic:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
        if self.ticked:
            stride = -(-len(self.places) // MAX_TICKS)
            axes.set_xticks(
                self.places[::stride], [plain_text(self.axis.text(value)) for value in self.values[::stride]]
            )
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))

    def _evenly_spaced(self) -> bool:
        steps = np.diff(self.places)
        return bool(len(steps)) and bool(np.allclose(steps, steps[0]))


def draw_curves(
    axes: Axes,
    rows: pd.DataFrame,
    metric: MetricText,
    styles: Mapping[str, CurveStyle],
    positions: XPositions,
    flat: Collection[str] = (),
) -> tuple[list[str], list[str]]:
    """Draws a metric of every compressor.

    Args:
        axes: where to.
        rows: results that share all axes but the horizontal one.
        metric: which metric.
        styles: style of each compressor; this is also the order of drawing.
        positions: places on the horizontal axis.
        flat: compressors that do not depend on the horizontal axis: one marker on the right edge.

    Returns:
        Compressors drawn, and those of which nothing is because their error is nothing but rounding.
    """
    drawn, lossless = [], []
    for i, (compressor, style) in enumerate(styles.items()):
        part = rows[(rows["compressor"] == compressor) & (rows["metric"] == metric.name)]
        shown = drawable(part, metric)
        if not shown.empty:
            if compressor in flat:
                _draw_on_edge(axes, shown.iloc[:1], style)
            else:
                _draw_line(axes, shown, style, positions, order=2.5 + 0.01 * i)
            drawn.append(compressor)
        elif not part.empty and not metric.logarithmic:
            lossless.append(compressor)
    positions.apply(axes)
    axes.set_ylabel(metric.label)
    axes.margins(x=0.04, y=0.06)
    if metric.logarithmic and drawn:
        axes.set_yscale("log")
        return drawn, lossless
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))
    return drawn, lossless


def draw_reference(axes: Axes, rows: pd.DataFrame, metric: str, style: CurveStyle, positions: XPositions) -> bool:
    """Draws a metric that no compressor influences, such as a bound, without bars; ``False`` if there is none."""
    shown = drawable(rows[(rows["compressor"] == NO_COMPRESSOR) & (rows["metric"] == metric)], metric_text(metric))
    if not shown.empty:
        places = positions.of(shown)
        by_place = np.argsort(places, kind="stable")
        axes.plot(places[by_place], shown["value"].to_numpy()[by_place], zorder=2.2, **style.line_options())
    return not shown.empty


def legend_handle(style: CurveStyle) -> Line2D:
    """What stands for a style in a legend."""
    return Line2D([], [], **style.line_options())


def used_positions(rows: pd.DataFrame, axis: Axis) -> XPositions:
    """Places for all values that an axis takes in a sweep."""
    return XPositions(axis, axis_values(rows, axis))


def _draw_line(axes: Axes, rows: pd.DataFrame, style: CurveStyle, positions: XPositions, order: float) -> None:
    places = positions.of(rows)
    by_place = np.argsort(places, kind="stable")
    rows = rows.iloc[by_place]
    axes.errorbar(
        places[by_place],
        rows["value"],
        yerr=interval_bars(rows),
        elinewidth=0.8,
        zorder=order,
        **style.line_options(),
    )


def _draw_on_edge(axes: Axes, row: pd.DataFrame, style: CurveStyle) -> None:
    """One value with its interval on the right edge of a panel, which belongs to no place on the axis."""
    options = {**style.line_options(), "linestyle": "", "elinewidth": 0.8, "zorder": 4}
    place = axes.get_yaxis_transform()
    line, caps, bars = axes.errorbar([1.0], row["value"], yerr=interval_bars(row), transform=place, **options)
    # Half of a marker lies beside the panel; above and below it, there is nothing to be seen.
    beside = TransformedBbox(Bbox([[0.0, 0.0], [1.1, 1.0]]), axes.transAxes)
    for artist in (line, *caps, *bars):
        artist.set_clip_path(None)
        artist.set_clip_box(beside)


def interval_bars(rows: pd.DataFrame) -> np.ndarray:
    """Bars below and above values, ``[2, n]``."""
    # An empty or infinite end has no bar.
    ends = np.stack([rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]])
    return np.where(np.isfinite(ends), np.maximum(ends, 0.0), 0.0)
