"""What an error costs: NMSE against multiply-adds at either side, and against the bytes that the UE stores."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from linksim.report.figures.curves import interval_bars, legend_handle
from linksim.report.figures.layouts import Layout, columns_of, label_outer, new_blocks, with_legend
from linksim.report.figures.sweep import NMSE_PAIR
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.metric_format import drawable, metric_text
from linksim.report.view.run_view import RunView
from linksim.report.view.ticks import log_ticks, number_text

# Columns of complexity.csv and what they are called.
COSTS: Mapping[str, str] = {
    "ue_macs": "Multiply-adds at the UE",
    "bs_macs": "Multiply-adds at the BS",
    "ue_bytes": "Stored at the UE [byte]",
}
# Where what costs nothing stands and where the axis begins, left of the positive costs, as shares of their stretch: so
# that they keep most of the axis, however much or little they differ.
_ZERO_SHARE = 0.12
_LEFT_SHARE = 0.2
_ROOM = 1.6
# As many labels have room in a third of two columns.
_MOST_TICKS = 4


def draw_costs(run: RunView, costs: pd.DataFrame, rows: pd.DataFrame) -> tuple[Layout, list[str]] | None:
    """NMSE of one point against what a report costs.

    Args:
        run: the run.
        costs: the complexity table, by label.
        rows: results of the point, with the costs' compression ratio.

    Returns:
        The figure and its metrics, ``None`` if fewer than two compressors have costs and an error.
    """
    labels = [label for label in run.styles if label in costs.index and label not in run.uncompressed]
    metrics = [metric for metric in NMSE_PAIR if _points(rows, labels, metric)]
    costs = costs.loc[[label for label in labels if any(label in _points(rows, [label], name) for name in metrics)]]
    columns = [column for column in COSTS if column in costs.columns and (costs[column] > 0).any()]
    if not columns or not metrics or len(_points(rows, labels, metrics[0])) < 2:
        return None
    titles, shares = [[""] * len(columns)] * len(metrics), [["error"] * len(columns)] * len(metrics)
    layout, blocks = new_blocks(titles, shares, run.options, share_x=False)
    for metric, block in zip(metrics, blocks, strict=True):
        for axes, column in zip(block, columns, strict=True):
            drawn = _draw_panel(axes, _points(rows, labels, metric), costs[column], run.styles)
            _set_costs(axes, COSTS[column], costs[column])
            axes.set_ylabel(metric_text(metric).label)
            layout.entries |= {label: _marker(run.styles[label]) for label in drawn}
        label_outer(block, columns_of(block), below=True)
    given = next((run.options.limits[metric] for metric in metrics if metric in run.options.limits), None)
    if given is not None:
        blocks[0][0].set_ylim(*given)
    return with_legend(layout, run), metrics


def _points(rows: pd.DataFrame, labels: Sequence[str], metric: str) -> dict[str, pd.DataFrame]:
    own = rows[rows["metric"] == metric]
    found = {label: drawable(own[own["compressor"] == label], metric_text(metric)) for label in labels}
    return {label: part.iloc[:1] for label, part in found.items() if not part.empty}


def _draw_panel(
    axes: Axes, points: Mapping[str, pd.DataFrame], costs: pd.Series, styles: Mapping[str, CurveStyle]
) -> list[str]:
    zero = _ends(costs)[0]
    for label, part in points.items():
        cost = float(costs[label])
        options = {**styles[label].line_options(), "linestyle": ""}
        axes.errorbar([cost if cost > 0 else zero], part["value"], yerr=interval_bars(part), elinewidth=0.8, **options)
    return list(points)


def _ends(costs: pd.Series) -> tuple[float, float, float]:
    """Places of what costs nothing, and of the lower and the upper end of the positive stretch of the axis."""
    positive = costs[costs > 0]
    low, high = float(positive.min()) / _ROOM, float(positive.max()) * _ROOM
    return low * (high / low) ** -_ZERO_SHARE, low, high


def _set_costs(axes: Axes, name: str, costs: pd.Series) -> None:
    """Scale, ticks and label of the axis of costs; of less than a decade, a power of ten stands with the label."""
    zero, low, high = _ends(costs)
    free = bool((costs <= 0).any())
    ticks = log_ticks(low, high, 10, _MOST_TICKS)
    exponent = math.floor(math.log10(ticks[-1])) if ticks[-1] < 10 * ticks[0] and ticks[-1] >= 1e4 else 0
    axes.set_xscale("log")
    axes.set_xlim(low * (high / low) ** -_LEFT_SHARE if free else low, high)
    axes.xaxis.set_major_locator(FixedLocator([zero, *ticks] if free else ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "0" if free and x == zero else number_text(x / 10**exponent))
    )
    axes.set_xlabel(_in_powers(name, exponent))


def _in_powers(name: str, exponent: int) -> str:
    """``Stored at the UE [byte]`` as ``Stored at the UE [10⁶ byte]``."""
    if not exponent:
        return name
    words, _, unit = name.partition(" [")
    return f"{words} [$10^{{{exponent}}}${f' {unit}' if unit else ']'}"


def _marker(style: CurveStyle) -> Line2D:
    handle = legend_handle(style)
    handle.set_linestyle("")
    return handle
