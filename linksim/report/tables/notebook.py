"""The main results of a run as HTML, for a notebook."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from linksim.report.tables.sweep import Cell, SweepTable, shown_metrics, sweep_tables
from linksim.report.view.run_view import view_run


def result_html(run_folder: Path) -> str:
    """Name, warnings and the tables that ``linksim show`` prints; all text is escaped.

    Raises:
        InputError: if the run's files cannot be read; one line.
    """
    run = view_run(run_folder)
    parts = [f"<b>{escape(run.name)}</b> <code>{escape(str(run_folder))}</code>"]
    parts += [f"<div>WARNING: {escape(str(line))}</div>" for line in run.manifest.get("warnings") or ()]
    parts += [_table(table) for table in sweep_tables(run, shown_metrics(run))]
    return "\n".join(parts)


def _table(table: SweepTable) -> str:
    title = " | ".join(part for part in (table.sweep, table.panel) if part)
    heads = "".join(f"<th>{escape(head)}</th>" for head in (table.across, *table.columns))
    body = "\n".join(_rows(table))
    return f"<table>\n<caption>{escape(title)}</caption>\n<tr>{heads}</tr>\n{body}\n</table>"


def _rows(table: SweepTable) -> Iterator[str]:
    for block in table.blocks:
        yield f'<tr><th colspan="{1 + len(table.columns)}">{escape(block.metric.label)}</th></tr>'
        for row in block.rows:
            cells = "".join(f"<td>{_cell(cell)}</td>" for cell in row.cells)
            yield f"<tr><td>{escape(row.title)}</td>{cells}</tr>"


def _cell(cell: Cell) -> str:
    value = f"<b>{escape(cell.value)}</b>" if cell.best else escape(cell.value)
    return f"{value} &plusmn; {escape(cell.half_interval)}" if cell.half_interval else value
