"""Differences between runs or compressors: table for the terminal, and CSV."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite, isinf
from pathlib import Path

import pandas as pd

from linksim.comparison.runs import RunComparison
from linksim.files import write_whole
from linksim.report.tables.sweep import Block, Cell, Row, SweepTable
from linksim.report.view.axes import all_axes, at_value, axis_values
from linksim.report.view.metric_format import MetricText, metric_text
from linksim.report.view.run_view import Sweep, view_sweeps
from linksim.reserved_names import ALL_COMPRESSORS, NO_COMPRESSOR
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.storage.csv_text import csv_text

_NOT_AXES = ("run", "reference_run", "reference", "value_run", "value_reference", "paired")


def difference_tables(comparison: RunComparison, metrics: tuple[str, ...]) -> list[SweepTable]:
    """Tables per sweep and panel, in bold where the interval does not hold 0."""
    return [
        _table(sweep, panel.title, panel.rows, metrics)
        for sweep in difference_sweeps(comparison)
        for panel in sweep.panels
    ]


def difference_sweeps(comparison: RunComparison, titles: Mapping[str, str] | None = None) -> list[Sweep]:
    """The sweeps of a comparison; titles of their panels name what the runs vary, and differences have one value of.

    Args:
        comparison: what was found.
        titles: what each label is called.
    """
    sweeps = []
    for sweep in view_sweeps(labelled(comparison.rows), titles=titles):
        shown = {
            axis.column for axis in (*sweep.varying, *sweep.axes.followers, *([sweep.curves] if sweep.curves else []))
        }
        single = [
            axis
            for axis in all_axes(sweep.rows)
            if axis.column in comparison.varying.get(sweep.name, ()) and axis.column not in shown
        ]
        place = [axis.phrase(sweep.rows[axis.column].iloc[0]) for axis in single]
        panels = [replace(panel, title=", ".join(filter(None, (*place, panel.title)))) for panel in sweep.panels]
        sweeps.append(replace(sweep, panels=panels))
    return sweeps


def write_differences(comparison: RunComparison, path: Path) -> None:
    """Writes every difference as a line of CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, csv_text(comparison.rows))


def reference_name(comparison: RunComparison) -> str:
    """What was subtracted, in words."""
    rows = comparison.rows[comparison.rows["compressor"] != NO_COMPRESSOR]
    runs, references = rows["reference_run"].unique(), rows["reference"].unique()
    if (rows["compressor"] == rows["reference"]).all() and (rows["run"] != rows["reference_run"]).all():
        return str(runs[0])
    return str(references[0]) if rows["run"].nunique() == 1 else f"{references[0]} of {runs[0]}"


def labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """Differences in the columns of a results table; a compressor is named with its run where there are several."""
    several = rows["run"].nunique() > 1
    labels = rows["compressor"] if not several else label_with_run(rows["compressor"], rows["run"])
    table = rows.drop(columns=list(_NOT_AXES)).assign(
        compressor=labels.where(rows["compressor"] != NO_COMPRESSOR, NO_COMPRESSOR)
    )
    numbers = [*AXIS_COLUMNS, "value", "ci_low", "ci_high", "n"]
    table[numbers] = table[numbers].astype(float)
    return table if not several else table[table["compressor"] != NO_COMPRESSOR]


def label_with_run(compressor: pd.Series, run: pd.Series) -> pd.Series:
    """Labels of compressors of several runs."""
    return compressor + " (" + run + ")"


def _table(sweep: Sweep, title: str, rows: pd.DataFrame, metrics: tuple[str, ...]) -> SweepTable:
    x = sweep.axes.x
    values = [] if x is None else axis_values(sweep.rows, x)
    columns = ["value"] if x is None else [x.text(value) for value in values]
    blocks = []
    for metric in metrics:
        text = metric_text(metric)
        lines = []
        for label in [*sweep.compressors, NO_COMPRESSOR]:
            part = rows[(rows["metric"] == metric) & (rows["compressor"] == label)]
            if not part.empty:
                cells = (
                    [_cell(text, part)] if x is None else [_cell(text, at_value(part, x, value)) for value in values]
                )
                reference = label == NO_COMPRESSOR
                name = ALL_COMPRESSORS if reference else label
                lines.append(Row(name, name, cells, reference))
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
