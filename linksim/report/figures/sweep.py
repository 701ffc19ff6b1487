"""Metrics of a sweep over its horizontal axis: a panel for each metric, or for each combination of the other axes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from linksim.report.figures.curves import draw_curves, draw_reference, legend_handle, used_positions
from linksim.report.figures.layouts import Layout, columns_of, label_outer, new_blocks, with_legend
from linksim.report.view.curve_style import CurveStyle
from linksim.report.view.independence import flat_labels
from linksim.report.view.limits import apply_limits, mark_outside, robust_limits
from linksim.report.view.metric_format import MetricText, drawable, is_drawn, metric_text
from linksim.report.view.references import REFERENCES
from linksim.report.view.run_view import RunView, Sweep
from linksim.report.view.style import plain_text
from linksim.report.view.ticks import set_log_ticks
from linksim.reserved_names import NO_COMPRESSOR

# The error of the truncated matrix and that of the whole channel: what the one hides shows on the same axis.
NMSE_PAIR = ("nmse_db", "nmse_e2e_db")


@dataclass(frozen=True)
class _Panel:
    """A panel: its axes, what its vertical axis is shared by, and what it shows."""

    axes: Axes
    share: str
    metric: MetricText
    rows: pd.DataFrame


def draw_metrics(run: RunView, sweep: Sweep, metrics: Sequence[str]) -> Layout:
    """Metrics over the horizontal axis.

    Args:
        run: the run.
        sweep: a sweep with a horizontal axis.
        metrics: those that depend on it; without other axes side by side, with other axes one block below the other.
    """
    texts = [metric_text(metric) for metric in metrics]
    parts = [_drawable_panels(run, sweep.reduced_to(metric.name), metric) for metric in texts]
    shares = ["error" if set(NMSE_PAIR) <= set(metrics) and name in NMSE_PAIR else name for name in metrics]
    side_by_side = all([panel.title for panel in part.panels] == [""] for part in parts)
    if side_by_side:
        layout, (grid,) = new_blocks([[""] * len(metrics)], [shares], run.options)
        blocks = [[axes] for axes in grid]
    else:
        titles = [[panel.title for panel in part.panels] for part in parts]
        layout, blocks = new_blocks(
            titles, [[share] * len(block) for share, block in zip(shares, titles, strict=True)], run.options
        )
    panels = [
        _Panel(axes, share, text, panel.rows)
        for part, text, share, block in zip(parts, texts, shares, blocks, strict=True)
        for axes, panel in zip(block, part.panels, strict=True)
    ]
    for part, text, block in zip(parts, texts, blocks, strict=True):
        for axes, panel in zip(block, part.panels, strict=True):
            _draw_panel(layout, axes, run, part, text, panel.rows)
    if side_by_side:
        axes_in_row = [panel.axes for panel in panels]
        label_outer(axes_in_row, columns_of(axes_in_row), below=True, left=False)
    else:
        same = len({len(block) for block in blocks}) == 1
        for i, block in enumerate(blocks):
            label_outer(block, columns_of(block), below=i == len(blocks) - 1 or not same)
    for part, text in zip(parts, texts, strict=True):
        _note_left_out(layout, sweep.reduced_to(text.name), part, text)
    for share in dict.fromkeys(shares):
        _limit(layout, run, sweep, [panel for panel in panels if panel.share == share])
    return with_legend(layout, run)


def is_drawable(run: RunView, sweep: Sweep, metric: str) -> bool:
    """Whether any panel of a metric would show a compressor."""
    text = metric_text(metric)
    return bool(_drawable_panels(run, sweep.reduced_to(metric), text).panels)


def _drawable_panels(run: RunView, sweep: Sweep, metric: MetricText) -> Sweep:
    """A sweep with those panels alone that show a compressor: frames without a curve say nothing."""
    labels = run.styles_of(sweep)
    return replace(sweep, panels=[panel for panel in sweep.panels if is_drawn(panel.rows, metric, labels)])


def _note_left_out(layout: Layout, sweep: Sweep, drawn: Sweep, metric: MetricText) -> None:
    """Says which panels are not there: nothing is measured, or nothing but rounding."""
    shown = {panel.title for panel in drawn.panels}
    left_out = [panel.title for panel in sweep.panels if panel.title not in shown]
    if left_out:
        name = metric.label.partition(" [")[0]
        layout.notes.append(f"{name} has nothing to draw, and no panel, for: {'; '.join(left_out)}.")


def _draw_panel(layout: Layout, axes: Axes, run: RunView, sweep: Sweep, metric: MetricText, rows: pd.DataFrame) -> None:
    x = sweep.axes.x
    assert x is not None
    positions = used_positions(sweep.rows, x)
    flat = flat_labels(sweep.rows, x.column, sweep.others(x.column), metric)
    drawn, lossless = draw_curves(axes, rows, metric, run.styles_of(sweep), positions, flat)
    layout.entries |= {label: legend_handle(run.styles[label]) for label in drawn}
    _note(layout.lossless, lossless)
    for label in flat:
        if label in drawn:
            _note(layout.flat.setdefault(label, []), [metric.name])
    for reference in REFERENCES.get(metric.name, ()):
        if draw_reference(axes, rows, reference.metric, reference.style, positions):
            _note(layout.references, [reference.title])
            layout.entries[reference.title] = legend_handle(reference.style)


def _limit(layout: Layout, run: RunView, sweep: Sweep, panels: list[_Panel]) -> None:
    """Sets the vertical axis that some panels share, and marks what lies outside."""
    given = next(
        (run.options.limits[panel.metric.name] for panel in panels if panel.metric.name in run.options.limits), None
    )
    metric = panels[0].metric
    if given is None and not metric.logarithmic:
        curves = [_curves(run, sweep, panel) for panel in panels]
        limits = robust_limits(metric, *(_joined(curves, reference) for reference in (False, True)))
        if limits is not None:
            values = [value for part in curves for curve in part.values() for value in curve.values]
            apply_limits(panels[0].axes, limits, values)
            for panel, part in zip(panels, curves, strict=True):
                marks = {plain_text(name): (curve.values, curve.colour) for name, curve in part.items()}
                _note(layout.outside, mark_outside(panel.axes, marks, metric))
    elif given is not None:
        panels[0].axes.set_ylim(*given)
    if metric.logarithmic:
        set_log_ticks(panels[0].axes.yaxis, 10)


@dataclass(frozen=True)
class _Curve:
    """What a panel shows of a curve: values, ends of intervals, colour, and whether it is no rival of others."""

    values: list[float]
    ends: list[float]
    colour: str
    reference: bool


def _curves(run: RunView, sweep: Sweep, panel: _Panel) -> dict[str, _Curve]:
    """By title."""
    found = {}
    for label, style in run.styles_of(sweep).items():
        rows = panel.rows[(panel.rows["compressor"] == label) & (panel.rows["metric"] == panel.metric.name)]
        found[run.title(label)] = _curve(drawable(rows, panel.metric), style, label in run.uncompressed)
    for reference in REFERENCES.get(panel.metric.name, ()):
        rows = panel.rows[(panel.rows["compressor"] == NO_COMPRESSOR) & (panel.rows["metric"] == reference.metric)]
        found[reference.title] = _curve(drawable(rows, metric_text(reference.metric)), reference.style, True)
    return {title: curve for title, curve in found.items() if curve.values}


def _curve(rows: pd.DataFrame, style: CurveStyle, reference: bool) -> _Curve:
    ends = rows[["ci_low", "ci_high"]].to_numpy(float).ravel()
    return _Curve([*rows["value"]], [*ends[np.isfinite(ends)]], style.colour, reference)


def _joined(panels: list[dict[str, _Curve]], reference: bool) -> dict[str, list[float]]:
    """Values and ends of intervals of each curve over all panels."""
    joined: dict[str, list[float]] = {}
    for part in panels:
        for title, curve in part.items():
            if curve.reference is reference:
                joined.setdefault(title, []).extend([*curve.values, *curve.ends])
    return joined


def _note(notes: list[str], names: Sequence[str]) -> None:
    notes += [name for name in names if name not in notes]
