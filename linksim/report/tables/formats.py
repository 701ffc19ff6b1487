"""Tables of results for papers and other programs: LaTeX with booktabs, Markdown, CSV."""

import csv
import io
from collections.abc import Callable, Mapping

from linksim.report.tables.sweep import Cell, Row, SweepTable
from linksim.report.view.latex_text import latex
from linksim.storage.csv_text import guarded

_SUFFIXES = {"latex": "tex", "markdown": "md", "csv": "csv"}
_INTERVAL = "95 % confidence intervals"


def table_text(table: SweepTable, kind: str, label: str) -> str:
    """A table as text.

    Args:
        table: which.
        kind: ``latex``, ``markdown`` or ``csv``.
        label: what LaTeX refers to it by, without ``tab:``; letters, digits, ``-`` and ``_``.
    """
    return _FORMATS[kind](table, label)


def suffix(kind: str) -> str:
    """File name suffix of a format."""
    return _SUFFIXES[kind]


def caption(table: SweepTable) -> str:
    """What the table shows: sweep, panel, and the definition of every metric."""
    place = ", ".join(part for part in (table.panel, f"sweep {table.sweep}") if part)
    meanings = [
        f"{block.metric.label}: {block.metric.meaning}" if block.metric.meaning else f"{block.metric.label}."
        for block in table.blocks
    ]
    intervals = any(cell.half_interval for block in table.blocks for row in block.rows for cell in row.cells)
    best = any(cell.best for block in table.blocks for row in block.rows for cell in row.cells)
    ends = [f"Values with half widths of {_INTERVAL}."] if intervals else []
    ends += (
        [f"Bold: best, with those whose difference from it on the same channels holds 0 within {_INTERVAL}."]
        if best
        else []
    )
    references = dict.fromkeys(row.title for block in table.blocks for row in block.rows if row.reference)
    if best and references:
        ends.append(f"References, which are not compared: {', '.join(references)}.")
    return " ".join([f"{place[:1].upper()}{place[1:]}.", *meanings, *ends])


def _latex(table: SweepTable, label: str) -> str:
    columns = "l" + "r" * len(table.columns)
    lines = [
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(caption(table))}}}",
        f"  \\label{{tab:{label}}}",
        f"  \\begin{{tabular}}{{{columns}}}",
        "    \\toprule",
        f"    {_latex_line([latex(table.across), *(latex(column) for column in table.columns)])}",
    ]
    for block in table.blocks:
        lines.append("    \\midrule")
        if len(table.blocks) > 1:
            head = f"\\multicolumn{{{1 + len(table.columns)}}}{{l}}{{\\emph{{{latex(block.metric.label)}}}}}"
            lines.append(f"    {_latex_line([head])}")
        lines += [f"    {_latex_line([latex(row.title), *map(_latex_cell, row.cells)])}" for row in block.rows]
    return "\n".join([*lines, "    \\bottomrule", "  \\end{tabular}", "\\end{table}"]) + "\n"


def _latex_line(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _latex_cell(cell: Cell) -> str:
    value = latex(cell.value)
    if cell.best:
        value = f"\\textbf{{{value}}}"
    return f"{value} $\\pm$ {cell.half_interval}" if cell.half_interval else value


def _markdown(table: SweepTable, label: str) -> str:
    lines = [caption(table), ""]
    for block in table.blocks:
        head = ", ".join(filter(None, (block.metric.label, table.across)))
        lines += [f"| {_markdown_text(head)} | ", "| :-- | "]
        lines[-2] += " | ".join(map(_markdown_text, table.columns)) + " |"
        lines[-1] += " | ".join("--:" for _ in table.columns) + " |"
        for row in block.rows:
            lines.append(f"| {_markdown_text(row.title)} | " + " | ".join(map(_markdown_cell, row.cells)) + " |")
        lines.append("")
    return "\n".join(lines)


def _markdown_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")


def _markdown_cell(cell: Cell) -> str:
    value = f"**{cell.value}**" if cell.best else cell.value
    return f"{value} \N{PLUS-MINUS SIGN} {cell.half_interval}" if cell.half_interval else value


def _csv(table: SweepTable, label: str) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["sweep", "panel", "metric", "compressor", "reference", table.across or "point", "value", "half"])
    for block in table.blocks:
        for row in block.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                writer.writerow(_csv_line(table, block.metric.name, row, column, cell))
    return file.getvalue()


def _csv_line(table: SweepTable, metric: str, row: Row, column: str, cell: Cell) -> list[str]:
    parts = (table.sweep, table.panel, metric, row.label, "yes" if row.reference else "no", column)
    return [guarded(part.replace("\N{MINUS SIGN}", "-")) for part in (*parts, cell.value, cell.half_interval)]


_FORMATS: Mapping[str, Callable[[SweepTable, str], str]] = {"latex": _latex, "markdown": _markdown, "csv": _csv}
