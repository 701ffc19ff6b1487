"""Results of a run as tables in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from linksim.errors import InputError
from linksim.report.tables.learning import learnt_from_line
from linksim.report.tables.sampling import read_sampling, sampling_table
from linksim.report.tables.sweep import Block, Cell, SweepTable, shown_tables, sweep_tables
from linksim.report.view.run_view import RunView, view_run
from linksim.terminal import Console


def show(of_run: Path | RunView, console: Console, metric: str | None = None, *, percentiles: bool = False) -> None:
    """Prints a compact table for every sweep: compressors down, axis values across, 95 % intervals dim.

    A run whose points stopped early also gets a table of their sample counts.

    Columns that do not fit the console go into further tables; intervals are kept.

    Args:
        of_run: folder of the run, or the run as it is viewed.
        console: where to.
        metric: the metric shown; by default those of ``shown_metrics``.
        percentiles: whether to show the 5th, 50th and 95th percentile over the samples as well.

    Raises:
        InputError: if the run's files cannot be read, or the run has no such metric; one line.
    """
    run = of_run if isinstance(of_run, RunView) else view_run(of_run)
    known = list(run.results["metric"].drop_duplicates())
    if metric is not None and metric not in known:
        raise InputError(f"metric: got {metric!r}, expected one of {', '.join(known)}")
    if metric is None:
        show_tables(run, shown_tables(run, percentiles=percentiles), console)
    else:
        show_tables(run, sweep_tables(run, (metric,), percentiles=percentiles), console)


def show_tables(run: RunView, tables: Sequence[SweepTable], console: Console) -> None:
    """Prints tables of a run, and what its compressors have learnt from.

    Args:
        run: the run.
        tables: as ``show`` has them.
        console: where to.
    """
    for table in tables:
        print_table(table, console)
    if line := learnt_from_line(run.results, run.manifest):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    sampling = read_sampling(run.folder)
    if sampling is not None:
        console.print(sampling.summary, highlight=False)
        console.print(sampling_table(sampling))


def print_table(table: SweepTable, console: Console) -> None:
    """Prints one table, in as many parts as it takes to fit the console."""
    for columns in _fitting_columns(table, console.width):
        console.print(_rich_table(table, columns))


def _rich_table(table: SweepTable, columns: range) -> Table:
    heading = " | ".join(part for part in (table.sweep, table.panel) if part)
    made = Table(title=Text(heading, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    made.add_column(Text(table.across), no_wrap=True)
    for i in columns:
        made.add_column(Text(table.columns[i]), justify="right", no_wrap=True)
    for block in table.blocks:
        made.add_row(Text(block.metric.label, style="italic"))
        for row in block.rows:
            style = "dim" if row.reference else ""
            cells = [_text(row.cells[i], _interval_width(block, i)) for i in columns]
            made.add_row(Text(f"  {row.label}", style=style), *cells)
        if block is not table.blocks[-1]:
            made.add_row()
    return made


def _text(cell: Cell, interval_width: int) -> Text:
    text = Text(cell.value, style="bold" if cell.best else "")
    interval = f"\N{PLUS-MINUS SIGN}{cell.half_interval}" if cell.half_interval else ""
    return text.append(interval.ljust(interval_width), style="not bold dim")


def _interval_width(block: Block, column: int) -> int:
    """Room for the interval, so that the values of a column stay under one another."""
    return max(
        (len(row.cells[column].half_interval) + 1 for row in block.rows if row.cells[column].half_interval), default=0
    )


def _fitting_columns(table: SweepTable, width: int) -> list[range]:
    """Splits the columns evenly into as few runs as fit the width, each at least one column."""
    labels = [table.across, *(block.metric.label for block in table.blocks)]
    labels += [f"  {row.label}" for block in table.blocks for row in block.rows]
    # One blank on either side of the table and between columns.
    available = width - max(cell_len(label) for label in labels) - 2
    widths = [len(head) for head in table.columns]
    for i in range(len(widths)):
        cells = [_text(row.cells[i], _interval_width(block, i)) for block in table.blocks for row in block.rows]
        widths[i] = max(widths[i], *(text.cell_len for text in cells)) + 1
    count = len(widths)
    for length in range(count, 0, -1):
        runs = [range(start, min(start + length, count)) for start in range(0, count, length)]
        if length == 1 or all(sum(widths[i] for i in run) <= available for run in runs):
            break
    even = -(-count // len(runs))
    return [range(start, min(start + even, count)) for start in range(0, count, even)]
