"""The figures' layouts: which panels a figure has, how large it is, and the legend above them."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linksim.report.curves import (
    draw_against_bits,
    draw_curves,
    draw_levels,
    draw_reference,
    legend_handle,
    used_positions,
)
from linksim.report.metric_texts import metric_text
from linksim.report.run_view import RunView, Sweep
from linksim.report.style import COLUMN_IN, DOUBLE_COLUMN_IN, ESTIMATION, PERFECT, TRUNCATION, Look, plain_text

# Curves that no compressor influences, by the metric that they accompany: metric, legend, look.
_REFERENCES: dict[str, tuple[tuple[str, str, Look], ...]] = {
    "rate_bps_hz": (("rate_perfect_bps_hz", "perfect CSI", PERFECT),),
    "nmse_e2e_db": (
        ("estimation_nmse_db", "estimation only", ESTIMATION),
        ("truncation_nmse_db", "truncation only", TRUNCATION),
    ),
}

PANEL_HEIGHT_IN = 2.1
# A legend's row; a column's handle with its spaces; a character at the legend's font size.
LEGEND_ROW_IN = 0.15
LEGEND_HANDLE_IN = 0.42
LEGEND_CHARACTER_IN = 0.055
MAX_LEGEND_COLUMNS = 6


@dataclass
class Layout:
    """A drawn figure and what its caption has to mention.

    Attributes:
        figure: the figure.
        references: names of the curves that no compressor influences.
        lossless: compressors left out of a panel because their error is rounding only.
        entries: legend, name to handle.
    """

    figure: Figure
    references: list[str] = field(default_factory=list)
    lossless: list[str] = field(default_factory=list)
    entries: dict[str, Line2D] = field(default_factory=dict)


def draw_panels(run: RunView, sweep: Sweep, metric: str) -> Layout:
    """One metric over the horizontal axis, in a panel for each combination of the other axes."""
    count = len(sweep.panels)
    columns = 1 if count == 1 else 2 if count in (2, 4) else 3
    lines = -(-count // columns)
    layout = _new_layout(COLUMN_IN if count == 1 else DOUBLE_COLUMN_IN, lines * PANEL_HEIGHT_IN)
    grid = list(layout.figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for i, (axes, panel) in enumerate(zip(grid, sweep.panels, strict=False)):
        _draw_metric(layout, axes, run, sweep, metric, i)
        # The lowest panel of each column is labelled, also where the last row is not full.
        left, lowest = i % columns == 0, i + columns >= count
        axes.tick_params(labelleft=left, labelbottom=lowest)
        axes.set(xlabel=axes.get_xlabel() if lowest else "", ylabel=axes.get_ylabel() if left else "")
        if panel.title:
            axes.set_title(plain_text(f"{panel_letter(i)} {panel.title}"))
    for axes in grid[count:]:
        axes.set_axis_off()
    return _with_legend(layout, run.looks)


def draw_side_by_side(run: RunView, sweep: Sweep, metrics: list[str]) -> Layout:
    """Several metrics of a sweep without panel axes, one panel each."""
    layout = _new_layout(DOUBLE_COLUMN_IN, PANEL_HEIGHT_IN)
    panels = layout.figure.subplots(1, len(metrics), squeeze=False).flat
    for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        _draw_metric(layout, axes, run, sweep, metric, 0)
        axes.set_title(panel_letter(i), loc="left")
    return _with_legend(layout, run.looks)


def draw_bits(run: RunView, sweep: Sweep) -> Layout | None:
    """NMSE over the bits that a report costs, ``None`` if no report of the sweep has a bit count."""
    layout = _new_layout(COLUMN_IN, PANEL_HEIGHT_IN)
    axes = layout.figure.subplots()
    drawn = draw_against_bits(axes, sweep.rows, metric_text("nmse_db"), _sweep_looks(run, sweep))
    if not drawn:
        return None
    layout.entries = {name: legend_handle(run.looks[name]) for name in drawn}
    return _with_legend(layout, run.looks)


def draw_point(run: RunView, sweep: Sweep, metrics: list[str]) -> Layout:
    """The metrics of a single point side by side, one line per compressor."""
    height = 0.6 + 0.2 * len(sweep.compressors)
    layout = _new_layout(DOUBLE_COLUMN_IN, height)
    panels = layout.figure.subplots(1, len(metrics), sharey=True, squeeze=False).flat
    for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        layout.lossless += draw_levels(axes, sweep.rows, metric_text(metric), _sweep_looks(run, sweep))
        axes.set_title(panel_letter(i), loc="left")
    return layout


def _new_layout(width_in: float, height_in: float) -> Layout:
    return Layout(Figure(figsize=(width_in, height_in), layout="constrained"))


def _sweep_looks(run: RunView, sweep: Sweep) -> dict[str, Look]:
    return {label: run.looks[label] for label in run.looks if label in sweep.compressors}


def _draw_metric(layout: Layout, axes: Axes, run: RunView, sweep: Sweep, metric: str, panel: int) -> None:
    rows = sweep.panels[panel].rows
    assert sweep.axes.x is not None
    positions = used_positions(sweep.rows, sweep.axes.x)
    drawn, lossless = draw_curves(axes, rows, metric_text(metric), _sweep_looks(run, sweep), positions)
    layout.entries |= {label: legend_handle(run.looks[label]) for label in drawn}
    layout.lossless += [name for name in lossless if name not in layout.lossless]
    for reference, name, look in _REFERENCES.get(metric, ()):
        if draw_reference(axes, rows, reference, look, positions) and name not in layout.references:
            layout.references.append(name)
            layout.entries[name] = legend_handle(look)


def _with_legend(layout: Layout, looks: dict[str, Look]) -> Layout:
    in_order = [*looks, *layout.references]
    names = sorted(layout.entries, key=in_order.index)
    if not names:
        return layout
    width, height = layout.figure.get_size_inches()
    columns = _legend_columns(names, width)
    rows = -(-len(names) // columns)
    layout.figure.set_size_inches(width, height + rows * LEGEND_ROW_IN)
    handles = [layout.entries[name] for name in names]
    layout.figure.legend(handles, [plain_text(name) for name in names], loc="outside upper center", ncols=columns)
    return layout


def _legend_columns(names: list[str], width_in: float) -> int:
    """As many columns as fit, then as few as take no more rows."""
    for columns in range(min(len(names), MAX_LEGEND_COLUMNS), 1, -1):
        split = np.array_split([len(plain_text(name)) for name in names], columns)
        if sum(LEGEND_HANDLE_IN + LEGEND_CHARACTER_IN * max(column) for column in split) <= width_in:
            rows = -(-len(names) // columns)
            return -(-len(names) // rows)
    return 1


def panel_letter(index: int) -> str:
    """Letter of a panel, ``(a)`` for the first."""
    return f"({chr(ord('a') + index % 26)})"
