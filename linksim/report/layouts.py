"""The figures' layouts: which panels a figure has, how large it is, and the legend above them."""

from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas.api.types import is_numeric_dtype

from linksim.report.axes import sweep_panels
from linksim.report.curves import (
    draw_against_bits,
    draw_curves,
    draw_levels,
    draw_reference,
    legend_handle,
    used_positions,
)
from linksim.report.looks import ESTIMATION, PERFECT, TRUNCATION, Look
from linksim.report.metric_texts import metric_text
from linksim.report.run_view import RunView, Sweep
from linksim.report.style import COLUMN_IN, DOUBLE_COLUMN_IN, plain_text

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
WORST_ERROR_DB = 10.0


@dataclass
class Layout:
    """A drawn figure and what its caption has to mention.

    Attributes:
        figure: the figure.
        references: names of the curves that no compressor influences.
        lossless: compressors left out of a panel because their error is rounding only.
        notes: further sentences for the caption.
        entries: legend, name to handle.
    """

    figure: Figure
    references: list[str] = field(default_factory=list)
    lossless: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: dict[str, Line2D] = field(default_factory=dict)


def draw_panels(run: RunView, sweep: Sweep, metric: str) -> Layout:
    """One metric over the horizontal axis, in a panel for each combination of the other axes."""
    layout, grid = _new_panels([panel.title for panel in sweep.panels])
    for i, axes in enumerate(grid):
        _draw_metric(layout, axes, run, sweep, metric, i)
    _label_outer(grid)
    if metric_text(metric).is_error_db:
        _hide_worst(layout, grid)
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
    """NMSE over the bits that a report costs, ``None`` if no report of the sweep has a bit count.

    What has a name, such as a quantiser, has a panel of its own; numbers only spend bits in another way.
    """
    named = tuple(axis for axis in sweep.axes.panels if not is_numeric_dtype(sweep.rows[axis.column]))
    panels = sweep_panels(sweep.rows, replace(sweep.axes, panels=named))
    layout, grid = _new_panels([panel.title for panel in panels])
    several = len(named) < len(sweep.axes.panels)
    if several:
        axes_spent = [axis for axis in (sweep.axes.x, *sweep.axes.panels) if axis and axis not in named]
        spent = " and ".join(axis.name.lower() for axis in axes_spent)
        layout.notes.append(f"All pairs of {spent}; faint: those that others of as few bits beat.")
    for axes, panel in zip(grid, panels, strict=True):
        drawn = draw_against_bits(axes, panel.rows, metric_text("nmse_db"), _sweep_looks(run, sweep), several)
        layout.entries |= {name: legend_handle(run.looks[name]) for name in drawn}
    if not layout.entries:
        return None
    _label_outer(grid)
    _hide_worst(layout, grid)
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


def _new_panels(titles: list[str]) -> tuple[Layout, list[Axes]]:
    """A figure of a panel for each title, all with the same axes."""
    count = len(titles)
    columns = _columns(count)
    lines = -(-count // columns)
    title_lines = max(title.count(", ") for title in titles)
    height = lines * (PANEL_HEIGHT_IN + title_lines * LEGEND_ROW_IN)
    layout = _new_layout(COLUMN_IN if count == 1 else DOUBLE_COLUMN_IN, height)
    grid = list(layout.figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for i, (axes, title) in enumerate(zip(grid, titles, strict=False)):
        if title:
            axes.set_title("\n".join(plain_text(part) for part in f"{panel_letter(i)} {title}".split(", ")))
    for axes in grid[count:]:
        axes.set_axis_off()
    return layout, grid[:count]


def _columns(n_panels: int) -> int:
    return 1 if n_panels == 1 else 2 if n_panels in (2, 4) else 3


def _label_outer(grid: list[Axes]) -> None:
    """Labels the left panels, and the lowest of each column, also where the last row is not full."""
    columns = _columns(len(grid))
    for i, axes in enumerate(grid):
        left, lowest = i % columns == 0, i + columns >= len(grid)
        axes.tick_params(labelleft=left, labelbottom=lowest)
        axes.set(xlabel=axes.get_xlabel() if lowest else "", ylabel=axes.get_ylabel() if left else "")


def _hide_worst(layout: Layout, grid: list[Axes]) -> None:
    """Leaves out errors that would squeeze all others: no report at all has 0 dB."""
    if grid[0].get_ylim()[1] > WORST_ERROR_DB:
        grid[0].set_ylim(top=WORST_ERROR_DB)
        layout.notes.append(f"Errors above {WORST_ERROR_DB:g} dB lie outside.")


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
