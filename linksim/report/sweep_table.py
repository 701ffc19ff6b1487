"""Results as tables: per sweep and panel, compressors down, axis values across, one block per metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from linksim.report.axes import Panel, axis_values
from linksim.report.metric_texts import MetricText, metric_text
from linksim.report.results_table import NO_COMPRESSOR
from linksim.report.run_view import RunView, Sweep

# Rows that no compressor influences, by the metric that they go with: metric, name.
_REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "rate_bps_hz": (("rate_perfect_bps_hz", "perfect CSI"),),
    "nmse_e2e_db": (("estimation_nmse_db", "estimation only"), ("truncation_nmse_db", "truncation only")),
}


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        value: the rounded value as text, empty where there is no result.
        half_interval: half the width of its interval as text, empty where there is none.
        best: whether no compressor does better in this column, at the shown precision.
    """

    value: str = ""
    half_interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One compressor, or a reference.

    Attributes:
        label: its name.
        cells: one per column.
        reference: whether it is there to compare with, and does not compete itself.
    """

    label: str
    cells: list[Cell]
    reference: bool = False


@dataclass(frozen=True)
class Block:
    """One metric.

    Attributes:
        metric: which.
        rows: the compressors, then the references.
    """

    metric: MetricText
    rows: list[Row]


@dataclass(frozen=True)
class SweepTable:
    """One table.

    Attributes:
        sweep: name of the sweep.
        panel: values of the axes that are not across, in words; empty where there are none.
        across: what the columns are, with unit.
        columns: their heads.
        blocks: the metrics.
    """

    sweep: str
    panel: str
    across: str
    columns: list[str]
    blocks: list[Block]


def sweep_tables(run: RunView, metrics: Sequence[str]) -> list[SweepTable]:
    """Tables of the given metrics for all sweeps; metrics that a sweep does not hold are left out."""
    return [
        table
        for sweep in run.sweeps
        for table in (_table(run, sweep, panel, metrics) for panel in sweep.panels)
        if table.blocks
    ]


def _table(run: RunView, sweep: Sweep, panel: Panel, metrics: Sequence[str]) -> SweepTable:
    x = sweep.axes.x
    if x is None:
        columns, parts = ["value"], [panel.rows]
    else:
        # All values of the sweep, so that a panel with missing points keeps its columns.
        columns = [x.text(value) for value in axis_values(sweep.rows, x)]
        texts = panel.rows[x.column].map(x.text)
        parts = [panel.rows[texts == column] for column in columns]
    blocks = [_block(run, sweep, parts, name) for name in metrics]
    return SweepTable(sweep.name, panel.title, x.label if x else "", columns, [block for block in blocks if block.rows])


def _block(run: RunView, sweep: Sweep, parts: list[pd.DataFrame], name: str) -> Block:
    metric = metric_text(name)
    labels = [label for label in run.looks if label in sweep.compressors]
    labels.sort(key=lambda label: label in run.uncompressed)
    found = {label: [_result(part, label, name) for part in parts] for label in [*labels, NO_COMPRESSOR]}
    rivals = [found[label] for label in labels if label not in run.uncompressed]
    best = [_best(metric, [results[i] for results in rivals]) for i in range(len(parts))]
    rows = [
        Row(label, [_cell(metric, result, best[i]) for i, result in enumerate(found[label])])
        for label in labels
        if label not in run.uncompressed and any(result is not None for result in found[label])
    ]
    references = [(label, found[label], metric) for label in labels if label in run.uncompressed]
    for reference, title in _REFERENCES.get(name, ()):
        references.append((title, [_result(part, NO_COMPRESSOR, reference) for part in parts], metric_text(reference)))
    references.append(("all compressors", found[NO_COMPRESSOR], metric))
    for label, results, text in references:
        if any(result is not None for result in results):
            rows.append(Row(label, [_cell(text, result, None) for result in results], reference=True))
    return Block(metric, rows)


def _result(part: pd.DataFrame, label: str, metric: str) -> pd.Series | None:
    rows = part[(part["compressor"] == label) & (part["metric"] == metric)]
    return None if rows.empty else rows.iloc[0]


def _best(metric: MetricText, results: list[pd.Series | None]) -> str | None:
    values = [float(result["value"]) for result in results if result is not None]
    if metric.better is None or len(values) < 2:
        return None
    return metric.text(min(values) if metric.better == "low" else max(values))


def _cell(metric: MetricText, result: pd.Series | None, best: str | None) -> Cell:
    if result is None:
        return Cell()
    value = float(result["value"])
    half = (float(result["ci_high"]) - float(result["ci_low"])) / 2
    # Exact figures, such as bits, have no interval worth a word.
    known = isfinite(half) and metric.digits is not None and not metric.is_lossless(value)
    return Cell(metric.text(value), f"{half:.{metric.digits}f}" if known else "", metric.text(value) == best)
