"""Errors over the bits that a report costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from pandas.api.types import is_numeric_dtype

from linksim.report.figures.curves import interval_bars, legend_handle
from linksim.report.figures.layouts import Layout, columns_of, label_outer, new_blocks, with_legend
from linksim.report.view.axes import all_axes, sweep_panels
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.limits import WORST_ERROR_DB
from linksim.report.view.metric_format import MetricText, drawable, metric_text
from linksim.report.view.run_view import RunView, Sweep
from linksim.report.view.ticks import set_log_ticks


def draw_bits(run: RunView, sweep: Sweep, metrics: Sequence[str]) -> Layout | None:
    """Errors over the bits that a report costs, ``None`` if no report of the sweep has a bit count.

    What has a name, such as a quantiser, has a panel of its own; numbers only spend bits in another way.

    Args:
        run: the run.
        sweep: a sweep in which bits vary.
        metrics: errors, a block of panels each, all with the same axes.
    """
    named = tuple(axis for axis in sweep.axes.panels if not is_numeric_dtype(sweep.rows[axis.column]))
    labels = set(run.styles_of(sweep))
    # A frame without any curve says nothing.
    parts = [
        part
        for part in sweep_panels(sweep.rows, replace(sweep.axes, panels=named))
        if any(not _points(part.rows, label, metric_text(name)).empty for label in labels for name in metrics)
    ]
    if not parts:
        return None
    metrics = [
        name
        for name in metrics
        if any(not _points(part.rows, label, metric_text(name)).empty for label in labels for part in parts)
    ]
    titles = [part.title for part in parts]
    if titles == [""]:
        layout, (grid,) = new_blocks([[""] * len(metrics)], [["error"] * len(metrics)], run.options)
        blocks = [[axes] for axes in grid]
    else:
        layout, blocks = new_blocks([titles] * len(metrics), [["error"] * len(titles)] * len(metrics), run.options)
    several = len(named) < len(sweep.axes.panels)
    if several:
        axes_spent = [axis for axis in sweep.varying if axis not in named]
        spent = " and ".join(axis.words for axis in axes_spent)
        layout.notes.append(f"All pairs of {spent}; faint: those that others of as few bits beat.")
    for metric, block in zip(metrics, blocks, strict=True):
        for axes, part in zip(block, parts, strict=True):
            drawn = draw_against_bits(axes, part.rows, metric_text(metric), run.styles_of(sweep), several)
            layout.entries |= {label: legend_handle(run.styles[label]) for label in drawn}
    panels = [axes for block in blocks for axes in block]
    if titles == [""]:
        label_outer(panels, columns_of(panels), below=True, left=False)
    else:
        for i, block in enumerate(blocks):
            label_outer(block, columns_of(block), below=i == len(blocks) - 1)
    _limit(layout, run, panels[0], metrics)
    set_log_ticks(panels[0].xaxis, 2)
    return with_legend(layout, run)


def draw_against_bits(
    axes: Axes, rows: pd.DataFrame, metric: MetricText, styles: Mapping[str, CurveStyle], several: bool = False
) -> list[str]:
    """Draws an error over the bits per report; returns the compressors drawn (analogue reports have no bits).

    Args:
        axes: where to.
        rows: results.
        metric: which metric; low is good.
        styles: style of each compressor.
        several: whether bits may be spent in several ways; the line then joins the reports that no other of as few
            bits beats, and the others are faint.
    """
    drawn = []
    for i, (compressor, style) in enumerate(styles.items()):
        shown = _points(rows, compressor, metric)
        if not shown.empty:
            options = {**style.line_options(), "elinewidth": 0.8, "zorder": 2.5 + 0.01 * i}
            if several:
                beaten = shown["value"] > shown["value"].cummin()
                faint = {**style.line_options(), "linestyle": "", "alpha": 0.35, "zorder": 2.3}
                axes.plot(shown.loc[beaten, "bits"], shown.loc[beaten, "value"], **faint)
                shown = shown[~beaten]
            axes.errorbar(shown["bits"], shown["value"], yerr=interval_bars(shown), **options)
            drawn.append(compressor)
    axes.set_xscale("log", base=2)
    axes.set_xlabel(metric_text("bits").label)
    axes.set_ylabel(metric.label)
    return drawn


def _points(rows: pd.DataFrame, compressor: str, metric: MetricText) -> pd.DataFrame:
    """What of a compressor has a place over the bits, in their order; they are a column beside the others."""
    points = [axis.column for axis in all_axes(rows)]
    part = rows[rows["compressor"] == compressor]
    bits = part.loc[part["metric"] == "bits", [*points, "value"]].rename(columns={"value": "bits"})
    shown = drawable(part[part["metric"] == metric.name], metric).merge(bits, on=points)
    return shown[shown["bits"] > 0].sort_values(["bits", "value"])


def _limit(layout: Layout, run: RunView, axes: Axes, metrics: Sequence[str]) -> None:
    """Sets the errors' axis, which all panels share: the user's, or without what is worse than no report at all."""
    given = next((run.options.limits[metric] for metric in metrics if metric in run.options.limits), None)
    if given is not None:
        axes.set_ylim(*given)
    elif axes.get_ylim()[1] > WORST_ERROR_DB:
        axes.set_ylim(top=WORST_ERROR_DB)
        layout.notes.append(f"Errors above {WORST_ERROR_DB:g} dB lie outside.")
