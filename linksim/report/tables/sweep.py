"""Results as tables: per sweep and panel, compressors down, axis values across, one block per metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from linksim.metrics.channel_quality import SAMPLES_LEFT_OUT
from linksim.report.view.axes import Panel, at_value, axis_values, going_together
from linksim.report.view.best import best_labels
from linksim.report.view.independence import flat_labels
from linksim.report.view.metric_format import MetricText, metric_text
from linksim.report.view.references import REFERENCES
from linksim.report.view.run_view import RunView, Sweep
from linksim.reserved_names import ALL_COMPRESSORS, NO_COMPRESSOR

# Rows of results of one column of a table, by compressor and metric.
_Column = Mapping[tuple[str, str], pd.Series]

# Nearer to an end of its interval than by this share of half of it, a value is at that end.
_ONE_SIDED = 0.1


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        value: the rounded value as text, empty where there is no result.
        half_interval: half the width of its interval as text, empty where there is none.
        best: whether no compressor does better in this column by more than chance.
    """

    value: str = ""
    half_interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One compressor, or a reference.

    Attributes:
        label: its name in the run.
        title: what it is called.
        cells: one per column.
        reference: whether it is there to compare with, and does not compete itself.
    """

    label: str
    title: str
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


UNDEFINED = "not defined"

# Shown wherever they were measured.
_ON_REQUEST = (
    "sgcs_e2e",
    "sum_rate_bps_hz",
    "rank",
    "cell_rate_bps_hz",
    "user_rate_bps_hz",
    "throughput_bps_hz",
    "bler",
    "rate_p5_bps_hz",
    "throughput_p5_bps_hz",
    "user_rate_p5_bps_hz",
)

# What a metric leaves out of the picture, by the metric: shown beside it.
_COMPANIONS = {"nmse_db": ("nmse_e2e_db", "undetected_error_rate")}

_PERCENTILE_TITLES = {"p5": "5th percentile", "p50": "median", "p95": "95th percentile"}


def with_companions(metrics: Sequence[str]) -> list[str]:
    """Metrics, each followed by those that it is not shown without.

    Those of truncated errors are end-to-end errors and, over links that know them, undetected errors of reports.
    """
    found = []
    for metric in metrics:
        found += [metric, *(other for other in _COMPANIONS.get(metric, ()) if other not in metrics)]
    return found


def shown_metrics(run: RunView) -> tuple[str, ...]:
    """NMSE, cosine similarity and rate; the SGCS too where precoders are reported, which have no other similarity.

    Where a scenario asks for what layers and motion do, that as well.
    """
    precoders = any(sweep.reports_precoders for sweep in run.sweeps)
    asked = (name for name in _ON_REQUEST if any(sweep.has(name) for sweep in run.sweeps))
    return ("nmse_db", "rho", *(("sgcs",) if precoders else ()), "rate_bps_hz", *asked)


def shown_tables(run: RunView, *, percentiles: bool = False) -> list[SweepTable]:
    """Tables of ``shown_metrics``, as ``sweep_tables``; of all metrics in a run that measured none of these."""
    known = list(run.results["metric"].drop_duplicates())
    tables = sweep_tables(run, shown_metrics(run), percentiles=percentiles)
    return tables or sweep_tables(run, known, percentiles=percentiles)


def sweep_tables(run: RunView, metrics: Sequence[str], *, percentiles: bool = False) -> list[SweepTable]:
    """Tables of the given metrics for all sweeps; metrics that a sweep does not hold are left out.

    Truncated errors are followed by end-to-end ones; the number of samples left out stands last, where there is any.

    Metrics that do not depend on some of a sweep's axes are told once, in tables without these axes.
    """
    tables = []
    for sweep in run.sweeps:
        parts: dict[tuple[str, ...], tuple[Sweep, list[str]]] = {}
        for metric in dict.fromkeys([*with_companions(metrics), SAMPLES_LEFT_OUT]):
            if sweep.has(metric):
                part = sweep.reduced_to(metric)
                parts.setdefault(tuple(axis.column for axis in part.same_over), (part, []))[1].append(metric)
        for _, (part, names) in sorted(parts.items(), key=lambda entry: len(entry[0])):
            tables += [_table(run, part, panel, names, percentiles) for panel in part.panels]
    return [table for table in tables if table.blocks]


def _table(run: RunView, sweep: Sweep, panel: Panel, metrics: Sequence[str], percentiles: bool) -> SweepTable:
    x = sweep.axes.x
    if x is None:
        columns, parts = ["value"], [panel.rows]
    else:
        # All values of the sweep, so that a panel with missing points keeps its columns.
        values = axis_values(sweep.rows, x)
        columns = [x.text(value) for value in values]
        parts = [at_value(panel.rows, x, value) for value in values]
    # Found by key: masks of the whole table for each cell take longer than all else.
    by_key = [_by_key(part) for part in parts]
    same = " and ".join(axis.words or "compressor" for axis in sweep.same_over)
    parts_of_title = (
        panel.title,
        going_together(sweep.rows, sweep.axes),
        f"the same whatever the {same}" if same else "",
    )
    title = ", ".join(part for part in parts_of_title if part)
    blocks = [_block(run, sweep, panel, by_key, name) for name in metrics]
    if percentiles:
        blocks = [_with_percentiles(block, by_key) for block in blocks]
    return SweepTable(sweep.name, title, x.label if x else "", columns, [block for block in blocks if block.rows])


def _block(run: RunView, sweep: Sweep, panel: Panel, parts: list[_Column], name: str) -> Block:
    metric = metric_text(name)
    labels = list(run.styles_of(sweep))
    found = {label: [part.get((label, name)) for part in parts] for label in [*labels, NO_COMPRESSOR]}
    found = {label: results for label, results in found.items() if any(result is not None for result in results)}
    elsewhere = _of_one_ratio(sweep, panel, metric)
    rivals = [label for label in labels if label in found and label not in (*run.uncompressed, *elsewhere)]
    best = [
        best_labels(metric, {label: found[label][i] for label in rivals}, run.samples.difference)
        for i in range(len(parts))
    ]
    rows = [
        Row(label, run.title(label), [_cell(metric, result, label in best[i]) for i, result in enumerate(found[label])])
        for label in rivals
    ]
    for label in elsewhere:
        if label in found:
            cells = [_cell(metric, result, False) for result in found[label]]
            rows.append(Row(label, f"{run.title(label)}, at every ratio", cells, reference=True))
    rows += _undefined(run, sweep, panel, metric, labels, len(parts)) if found else []
    references = [
        (label, run.title(label), found[label], metric)
        for label in labels
        if label in run.uncompressed and label in found and label not in elsewhere
    ]
    for reference in REFERENCES.get(name, ()):
        results = [part.get((NO_COMPRESSOR, reference.metric)) for part in parts]
        references.append((reference.title, reference.title, results, metric_text(reference.metric)))
    if NO_COMPRESSOR in found:
        references.append((ALL_COMPRESSORS, ALL_COMPRESSORS, found[NO_COMPRESSOR], metric))
    for label, title, results, text in references:
        if any(result is not None for result in results):
            rows.append(Row(label, title, [_cell(text, result, False) for result in results], reference=True))
    return Block(metric, rows)


def _undefined(
    run: RunView, sweep: Sweep, panel: Panel, metric: MetricText, labels: Sequence[str], n_columns: int
) -> list[Row]:
    """Compressors that have results in a panel, and none of this metric in all of the sweep."""
    if not metric.partial:
        return []
    having = set(sweep.rows.loc[sweep.rows["metric"] == metric.name, "compressor"])
    there = set(panel.rows["compressor"])
    without = [label for label in labels if label in there and label not in having]
    return [Row(label, run.title(label), [Cell(UNDEFINED)] * n_columns, reference=True) for label in without]


def _with_percentiles(block: Block, parts: list[_Column]) -> Block:
    """The block with the percentiles over the samples under each compressor that has any."""
    rows = []
    for row in block.rows:
        rows.append(row)
        results = [part.get((row.label, block.metric.name)) for part in parts]
        for column, title in _PERCENTILE_TITLES.items():
            texts = [
                "" if result is None or pd.isna(result.get(column)) else block.metric.text(float(result[column]))
                for result in results
            ]
            if any(texts):
                rows.append(Row(f"  {title}", f"  {title}", [Cell(text) for text in texts], reference=True))
    return Block(block.metric, rows)


def _of_one_ratio(sweep: Sweep, panel: Panel, metric: MetricText) -> list[str]:
    """Compressors with a ratio of their own, in a table of ratios: no rivals of those that have each."""
    x = sweep.axes.x
    if x is None or x.column != "compression_ratio":
        return []
    return flat_labels(panel.rows, x.column, [], metric)


def _by_key(part: pd.DataFrame) -> _Column:
    """The first row of each compressor and metric."""
    first = part.drop_duplicates(["compressor", "metric"])
    keys = zip(first["compressor"], first["metric"], strict=True)
    return {key: row for key, (_, row) in zip(keys, first.iterrows(), strict=True)}


def _cell(metric: MetricText, result: pd.Series | None, best: bool) -> Cell:
    if result is None:
        return Cell()
    value, low, high = float(result["value"]), float(result["ci_low"]), float(result["ci_high"])
    half = (high - low) / 2
    if min(value - low, high - value) < _ONE_SIDED * half:
        # As of a share of nothing: half of the interval does not reach its other end.
        half = max(value - low, high - value)
    # Exact figures, such as bits, have no interval worth a word.
    known = isfinite(half) and metric.digits is not None and not metric.is_lossless(value)
    return Cell(metric.text(value), f"{half:.{metric.digits}f}" if known else "", best)
