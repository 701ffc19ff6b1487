"""What an error costs: NMSE against multiply-adds at either side, and against the bytes that the UE stores."""

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
# Where what costs nothing stands, as a part of the least cost.
_ZERO_PLACE = 0.2
_ROOM = 1.6


def draw_costs(run: RunView, costs: pd.DataFrame, rows: pd.DataFrame) -> tuple[Layout, list[str]] | None:
    """NMSE of one point against what a report costs.

    Args:
        run: the run.
        costs: the complexity table, by label.
        rows: results of the point, with the costs' compression ratio.

    Returns:
        The figure and its metrics, ``None`` if fewer than two compressors have costs and an error.
    """
    columns = [column for column in COSTS if column in costs.columns and (costs[column] > 0).any()]
    labels = [label for label in run.styles if label in costs.index and label not in run.uncompressed]
    metrics = [metric for metric in NMSE_PAIR if _points(rows, labels, metric)]
    if not columns or not metrics or len(_points(rows, labels, metrics[0])) < 2:
        return None
    titles, shares = [[""] * len(columns)] * len(metrics), [["error"] * len(columns)] * len(metrics)
    layout, blocks = new_blocks(titles, shares, run.options, share_x=False)
    for metric, block in zip(metrics, blocks, strict=True):
        for axes, column in zip(block, columns, strict=True):
            drawn = _draw_panel(axes, _points(rows, labels, metric), costs[column], run.styles)
            axes.set(xlabel=COSTS[column], ylabel=metric_text(metric).label)
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
    positive = costs[costs > 0]
    low, high = float(positive.min()), float(positive.max())
    free = bool((costs[list(points)] <= 0).any())
    zero = low * _ZERO_PLACE
    for label, part in points.items():
        cost = float(costs[label])
        options = {**styles[label].line_options(), "linestyle": ""}
        axes.errorbar([cost if cost > 0 else zero], part["value"], yerr=interval_bars(part), elinewidth=0.8, **options)
    axes.set_xscale("log")
    axes.set_xlim(zero / _ROOM if free else low / _ROOM, high * _ROOM)
    ticks = log_ticks(low / _ROOM, high * _ROOM, 10)
    axes.xaxis.set_major_locator(FixedLocator([zero, *ticks] if free else ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if free and x == zero else number_text(x)))
    return list(points)


def _marker(style: CurveStyle) -> Line2D:
    handle = legend_handle(style)
    handle.set_linestyle("")
    return handle
