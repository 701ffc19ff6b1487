"""Differences between runs or compressors: table for the terminal, CSV, and figures."""

from dataclasses import replace
from math import isfinite, isinf
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from linksim.report.axes import axis_values
from linksim.report.curves import draw_curves, draw_levels, legend_handle, used_positions
from linksim.report.looks import looks
from linksim.report.metric_texts import MetricText, metric_text
from linksim.report.results_table import AXIS_COLUMNS, NO_COMPRESSOR
from linksim.report.run_view import Sweep, view_sweeps
from linksim.report.style import COLUMN_IN, DOUBLE_COLUMN_IN, paper_style, plain_text, save
from linksim.report.sweep_table import Block, Cell, Row, SweepTable
from linksim.run_comparison import RunComparison

_PANEL_HEIGHT_IN = 2.1
_LEVEL_HEIGHT_IN = 0.2
_LEGEND_ROW_IN = 0.15
_NOT_AXES = ("run", "reference_run", "reference", "value_run", "value_reference", "paired")


def difference_tables(comparison: RunComparison, metrics: tuple[str, ...]) -> list[SweepTable]:
    """Tables per sweep and panel, in bold where the interval does not hold 0."""
    return [
        _table(sweep, panel.title, panel.rows, metrics)
        for sweep in view_sweeps(_labelled(comparison.rows))
        for panel in sweep.panels
    ]


def write_differences(comparison: RunComparison, path: Path) -> None:
    """Writes every difference as a line of CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    comparison.rows.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def draw_differences(comparison: RunComparison, metrics: tuple[str, ...], folder: Path) -> list[Path]:
    """Draws the difference of each metric over each sweep, PNG and PDF."""
    rows = _labelled(comparison.rows)
    files: list[Path] = []
    with paper_style():
        for number, sweep in enumerate(view_sweeps(rows)):
            for metric in metrics:
                if (sweep.rows.loc[sweep.rows["compressor"] != NO_COMPRESSOR, "metric"] == metric).any():
                    stem = f"difference_{number + 1}_{metric_text(metric).short}"
                    files += save(_figure(sweep, metric), folder / stem)
    return files


def reference_name(comparison: RunComparison) -> str:
    """What was subtracted, in words."""
    rows = comparison.rows[comparison.rows["compressor"] != NO_COMPRESSOR]
    runs, references = rows["reference_run"].unique(), rows["reference"].unique()
    if (rows["compressor"] == rows["reference"]).all() and (rows["run"] != rows["reference_run"]).all():
        return str(runs[0])
    return str(references[0]) if rows["run"].nunique() == 1 else f"{references[0]} of {runs[0]}"


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """In the columns of a results table; a compressor is named with its run where there are several."""
    several = rows["run"].nunique() > 1
    labels = rows["compressor"] if not several else rows["compressor"] + " (" + rows["run"] + ")"
    table = rows.drop(columns=list(_NOT_AXES)).assign(
        compressor=labels.where(rows["compressor"] != NO_COMPRESSOR, NO_COMPRESSOR)
    )
    numbers = [*AXIS_COLUMNS, "value", "ci_low", "ci_high", "n"]
    table[numbers] = table[numbers].astype(float)
    return table if not several else table[table["compressor"] != NO_COMPRESSOR]


def _table(sweep: Sweep, title: str, rows: pd.DataFrame, metrics: tuple[str, ...]) -> SweepTable:
    x = sweep.axes.x
    columns = ["value"] if x is None else [x.text(value) for value in axis_values(sweep.rows, x)]
    places = pd.Series("value", rows.index) if x is None else rows[x.column].map(x.text)
    blocks = []
    for metric in metrics:
        text = metric_text(metric)
        lines = []
        for label in [*sweep.compressors, NO_COMPRESSOR]:
            part = rows[(rows["metric"] == metric) & (rows["compressor"] == label)]
            if not part.empty:
                cells = [_cell(text, part[places[part.index] == column]) for column in columns]
                reference = label == NO_COMPRESSOR
                lines.append(Row("all compressors" if reference else label, cells, reference))
        if lines:
            blocks.append(Block(text, lines))
    return SweepTable(sweep.name, title, x.label if x else "", columns, blocks)


def _cell(text: MetricText, found: pd.DataFrame) -> Cell:
    if found.empty:
        return Cell()
    row = found.iloc[0]
    low, high = float(row["ci_low"]), float(row["ci_high"])
    known = isfinite(low) and isfinite(high) and text.digits is not None
    half = f"{(high - low) / 2:.{text.digits}f}" if known else ""
    return Cell(_signed(text, float(row["value"])), half, best=low > 0 or high < 0)


def _signed(text: MetricText, value: float) -> str:
    if isinf(value):
        return "+\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    shown = f"{value:+.7g}" if text.digits is None else f"{value:+.{text.digits}f}"
    return shown.replace("-", "\N{MINUS SIGN}") if float(shown) else shown.lstrip("+-")


def _figure(sweep: Sweep, metric: str) -> Figure:
    name, _, unit = metric_text(metric).label.partition(" [")
    text = replace(metric_text(metric), label=f"Difference of {name}" + (f" [{unit}" if unit else ""))
    sweep_looks = looks(sweep.compressors)
    if sweep.axes.x is None:
        figure = Figure(figsize=(COLUMN_IN, 0.6 + _LEVEL_HEIGHT_IN * len(sweep_looks)), layout="constrained")
        axes = figure.subplots()
        draw_levels(axes, sweep.rows, text, sweep_looks)
        axes.axvline(0, color="0.3", linewidth=0.7, zorder=1)
        return figure
    count = len(sweep.panels)
    columns = 1 if count == 1 else 2
    lines, legend_rows = -(-count // columns), -(-len(sweep_looks) // columns)
    width = COLUMN_IN if count == 1 else DOUBLE_COLUMN_IN
    size = (width, lines * _PANEL_HEIGHT_IN + legend_rows * _LEGEND_ROW_IN)
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    positions = used_positions(sweep.rows, sweep.axes.x)
    for axes, panel in zip(grid, sweep.panels, strict=False):
        draw_curves(axes, panel.rows, text, sweep_looks, positions)
        axes.axhline(0, color="0.3", linewidth=0.7, zorder=1)
        if panel.title:
            axes.set_title(plain_text(panel.title))
    for axes in grid[count:]:
        axes.set_axis_off()
    handles = [legend_handle(look) for look in sweep_looks.values()]
    names = [plain_text(label) for label in sweep_looks]
    figure.legend(handles, names, loc="outside upper center", ncols=columns)
    return figure
