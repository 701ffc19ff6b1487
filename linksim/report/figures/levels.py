"""Metrics that have a single value a compressor: one line per compressor from the top, a panel for each metric."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from linksim.report.figures.curves import TICK_STEPS, interval_bars
from linksim.report.figures.layouts import Layout, new_layout, panel_letter
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.limits import apply_limits, robust_limits
from linksim.report.view.metric_format import MetricText, drawable, metric_text
from linksim.report.view.run_view import RunView, Sweep
from linksim.report.view.style import DOUBLE_COLUMN_IN, plain_text

_LINE_IN = 0.2
_AROUND_IN = 0.6


def draw_levels(run: RunView, sweep: Sweep, metrics: Sequence[str]) -> Layout:
    """Metrics of a sweep that depend on nothing that it varies, one value a compressor, and have a value to draw."""
    styles = run.styles_of(sweep)
    width, height = run.options.size_in or (DOUBLE_COLUMN_IN, _AROUND_IN + _LINE_IN * len(styles))
    layout = new_layout(width, height)
    panels = layout.figure.subplots(1, len(metrics), sharey=True, squeeze=False).flat
    for i, (axes, name) in enumerate(zip(panels, metrics, strict=True)):
        metric = metric_text(name)
        # Several values of an axis would be markers on one line that nothing tells apart.
        rows = sweep.reduced_to(name).rows
        rows = rows[rows["metric"] == name]
        parts = {label: drawable(rows[rows["compressor"] == label], metric) for label in styles}
        there = {str(label) for label in rows["compressor"]}
        layout.lossless += [label for label, part in parts.items() if part.empty and label in there]
        draw_level_lines(axes, parts, metric, styles, {label: run.title(label) for label in styles})
        if metric.name in run.options.limits:
            axes.set_xlim(*run.options.limits[metric.name])
        else:
            layout.outside += _limit(axes, parts, metric, run)
        axes.set_title(panel_letter(i), loc="left")
    layout.lossless = list(dict.fromkeys(layout.lossless))
    layout.outside = list(dict.fromkeys(layout.outside))
    return layout


def draw_level_lines(
    axes: Axes,
    parts: dict[str, pd.DataFrame],
    metric: MetricText,
    styles: dict[str, CurveStyle],
    titles: dict[str, str],
) -> None:
    """One line for each label, the metric on the horizontal axis."""
    for i, (label, part) in enumerate(parts.items()):
        if not part.empty:
            axes.errorbar(part["value"], [i] * len(part), xerr=interval_bars(part), **styles[label].line_options())
    axes.set_yticks(range(len(parts)), [plain_text(titles.get(label, label)) for label in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlabel(metric.label)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=TICK_STEPS))


def _limit(axes: Axes, parts: dict[str, pd.DataFrame], metric: MetricText, run: RunView) -> list[str]:
    """Keeps one far compressor from squeezing all others; an arrow and its value stand at the end of its line."""
    values = {label: [*part["value"], *part["ci_low"], *part["ci_high"]] for label, part in parts.items()}
    rivals = {label: part for label, part in values.items() if label not in run.uncompressed}
    references = {label: part for label, part in values.items() if label in run.uncompressed}
    limits = robust_limits(metric, rivals, references)
    if limits is None:
        return []
    low, high = apply_limits(axes, limits, [value for part in values.values() for value in part], vertical=False)
    outside = []
    for i, (label, part) in enumerate(parts.items()):
        for value in part["value"]:
            if not low <= value <= high:
                left, colour = value < low, run.styles[label].colour
                axes.plot([low if left else high], [i], "<" if left else ">", color=colour, markersize=4, clip_on=False)
                axes.annotate(
                    metric.text(float(value)), (low if left else high, i), xytext=(5 if left else -5, 0),
                    textcoords="offset points", ha="left" if left else "right", va="center", fontsize=6, color=colour,
                )  # fmt: skip
                outside.append(run.title(label))
    return outside
