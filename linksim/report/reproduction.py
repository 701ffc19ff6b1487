"""A reproduced table: in the terminal, as Markdown, CSV, and a figure of ours against published."""

from math import isfinite, isnan
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.table import Table
from rich.text import Text

from linksim.report.figures.curves import legend_handle
from linksim.report.view.curve_style import curve_styles
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, paper_style, plain_text, save
from linksim.terminal import Console

_HEIGHT_IN = 3.0
_LEGEND_ROW_IN = 0.15
_LEGEND_COLUMNS = 3

Lines = tuple[list[str], list[list[str]]]


def performance_lines(table: pd.DataFrame) -> Lines:
    """Heads and cells of the NMSE table, one line per network, ratio and scenario."""
    heads = ["CR", "network", "scenario", "published [dB]", "ours [dB]", "samples seen"]
    lines = []
    for _, row in table.iterrows():
        where = ", ".join(part for part in (row["scenario"], row["condition"].replace("bits=", "bits ")) if part)
        seen = "" if isnan(row["samples_seen"]) else f"{row['samples_seen']:,.0f}".replace(",", " ")
        lines.append([f"1/{row['cr']:g}", row["method"], where, _printed(row), _ours(row), seen])
    return heads, lines


def complexity_lines(table: pd.DataFrame) -> Lines:
    """Heads and cells of the complexity table, one line per network and quantity."""
    heads = ["CR", "network", "quantity", "published", "ours", "agrees"]
    lines = [
        [f"1/{row['cr']:g}", row["method"], row["quantity"], row["printed"], _count(row["ours"]), row["agrees"]]
        for _, row in table.iterrows()
    ]
    return heads, lines


def rank_lines(ranks: pd.DataFrame) -> list[str]:
    """One sentence per ordering."""
    return [
        f"{', '.join(part for part in (row['scenario'], row['condition']) if part)}, 1/{row['cr']:g}: orderings of "
        f"{row['n']} networks agree by Spearman {row['spearman']:.2f} "
        f"({row['ci_low']:.2f} to {row['ci_high']:.2f}), Kendall {row['kendall']:.2f}"
        for _, row in ranks.iterrows()
    ]


def print_lines(title: str, content: Lines, console: Console) -> None:
    """Prints a table."""
    heads, lines = content
    made = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for i, head in enumerate(heads):
        made.add_column(Text(head), justify="left" if i in (1, 2) else "right", no_wrap=i in (0, 4))
    for line in lines:
        made.add_row(*map(Text, line))
    console.print(made)


def markdown(title: str, remarks: list[str], tables: list[Lines], ranks: list[str]) -> str:
    """The whole report."""
    parts = [f"# {title}", "", *(f"{remark}\n" for remark in remarks)]
    for heads, lines in tables:
        parts += [_markdown_line(heads), _markdown_line(["---"] * len(heads)), *map(_markdown_line, lines), ""]
    return "\n".join([*parts, *(f"- {line}" for line in ranks)]).rstrip() + "\n"


def draw_reproduction(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Draws ours against published, a marker per network and a panel per scenario; nothing if there are no pairs."""
    both = table[table["published"].notna() & table["ours"].notna() & (table["relation"] == "=")]
    both = both[np.isfinite(both["ours"])]
    if both.empty:
        return []
    scenarios = list(both["scenario"].drop_duplicates())
    network_styles = curve_styles(list(both["method"].drop_duplicates()))
    with paper_style():
        width = COLUMN_IN if len(scenarios) == 1 else DOUBLE_COLUMN_IN
        rows = -(-len(network_styles) // _LEGEND_COLUMNS)
        figure = Figure(figsize=(width, _HEIGHT_IN + rows * _LEGEND_ROW_IN), layout="constrained")
        for axes, scenario in zip(figure.subplots(1, len(scenarios), squeeze=False).flat, scenarios, strict=True):
            part = both[both["scenario"] == scenario]
            ends = [min(part["published"].min(), part["ours"].min()), max(part["published"].max(), part["ours"].max())]
            axes.plot(ends, ends, color="0.5", linewidth=0.7, zorder=1)
            for label, style in network_styles.items():
                mine = part[part["method"] == label]
                bars = np.nan_to_num(np.stack([mine["ours"] - mine["ci_low"], mine["ci_high"] - mine["ours"]]))
                axes.errorbar(mine["published"], mine["ours"], yerr=bars, **{**style.line_options(), "linestyle": ""})
            axes.set_xlabel("Published NMSE [dB]")
            axes.set_ylabel("NMSE here [dB]")
            axes.set_title(plain_text(str(scenario)))
        handles = [legend_handle(style) for style in network_styles.values()]
        for handle in handles:
            handle.set_linestyle("")
        names = [plain_text(name) for name in network_styles]
        figure.legend(handles, names, loc="outside upper center", ncols=_LEGEND_COLUMNS)
        return save(figure, stem)


def _printed(row: pd.Series) -> str:
    if not row["printed"] and isnan(row["published"]):
        return ""
    if isnan(row["published"]):
        return "not reported"
    bound = "" if row["relation"] == "=" else f"{row['relation']} "
    return f"{bound}{row['published']:g}".replace("-", "\N{MINUS SIGN}")


def _ours(row: pd.Series) -> str:
    if isnan(row["ours"]):
        return "not here"
    value = f"{row['ours']:.2f}".replace("-", "\N{MINUS SIGN}")
    half = (row["ci_high"] - row["ci_low"]) / 2
    return f"{value} \N{PLUS-MINUS SIGN} {half:.2f}" if isfinite(half) else value


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _markdown_line(cells: list[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
