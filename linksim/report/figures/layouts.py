"""A figure while it is made: its panels, how large it is, and the legend above them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import RunView
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, plain_text, wrapped_text

PANEL_HEIGHT_IN = 2.1
# A legend's row; a column's handle with its spaces; a character at the legend's font size.
LEGEND_ROW_IN = 0.15
LEGEND_HANDLE_IN = 0.42
LEGEND_CHARACTER_IN = 0.055
MAX_LEGEND_COLUMNS = 6
# What stands beside a panel: its vertical axis' label and numbers, in the mean of those that have them and those not.
_BESIDE_IN = 0.35


@dataclass
class Layout:
    """A drawn figure and what its caption has to mention.

    Attributes:
        figure: the figure.
        references: names of the curves that no compressor influences.
        lossless: compressors left out of a panel because their error is rounding only.
        flat: compressors on the right edge because they do not depend on the horizontal axis, and in which metrics.
        outside: what lies outside the axes, and is marked there.
        notes: further sentences for the caption.
        entries: legend, name to handle.
    """

    figure: Figure
    references: list[str] = field(default_factory=list)
    lossless: list[str] = field(default_factory=list)
    flat: dict[str, list[str]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: dict[str, Line2D] = field(default_factory=dict)


def new_layout(width_in: float, height_in: float) -> Layout:
    """An empty figure."""
    return Layout(Figure(figsize=(width_in, height_in), layout="constrained"))


def new_blocks(
    blocks: Sequence[Sequence[str]],
    shares: Sequence[Sequence[Hashable]],
    options: FigureOptions,
    share_x: bool = True,
) -> tuple[Layout, list[list[Axes]]]:
    """A figure of panels in blocks, one below the other.

    Args:
        blocks: titles of the panels of each block; a title's parts, after commas, go below one another, as does what is
            wider than a panel.
        shares: of each panel, what stands for its vertical axis: panels with the same share one.
        options: the user's number of columns.
        share_x: whether all panels have the same horizontal axis.

    Returns:
        The figure, and the panels of each block.
    """
    count, total = max(map(len, blocks)), sum(map(len, blocks))
    columns = min(options.columns or _columns(count), count)
    lines = [-(-len(block) // columns) for block in blocks]
    width = COLUMN_IN if columns == 1 else DOUBLE_COLUMN_IN
    panel_width = (width if options.size_in is None else options.size_in[0]) / columns - _BESIDE_IN
    letters = iter([f"{panel_letter(i)} " if total > 1 else "" for i in range(total)])
    texts = [[wrapped_text(f"{next(letters)}{title}", panel_width) for title in block] for block in blocks]
    title_lines = max(len(text) for block in texts for text in block) - 1
    layout = new_layout(width, sum(lines) * (PANEL_HEIGHT_IN + title_lines * LEGEND_ROW_IN))
    grid = layout.figure.subplots(sum(lines), columns, sharex=share_x, squeeze=False)
    first_of: dict[Hashable, Axes] = {}
    made: list[list[Axes]] = []
    line = 0
    for titles, titled, keys, n_lines in zip(blocks, texts, shares, lines, strict=True):
        places = list(grid[line : line + n_lines].flat)
        line += n_lines
        for axes, title, text, key in zip(places, titles, titled, keys, strict=False):
            if first_of.setdefault(key, axes) is not axes:
                axes.sharey(first_of[key])
            axes.set_title("\n".join(text), loc="left" if title == "" else "center")
        for axes in places[len(titles) :]:
            axes.set_axis_off()
        made.append(places[: len(titles)])
    return layout, made


def label_outer(panels: Sequence[Axes], columns: int, *, below: bool, left: bool = True) -> None:
    """Labels the outer panels of a block only.

    Args:
        panels: the block's.
        columns: panels side by side.
        below: whether the lowest of each column are labelled below, also where the last row is not full.
        left: whether only the left panels are labelled at the left, as all have one axis.
    """
    for i, axes in enumerate(panels):
        first, lowest = i % columns == 0 or not left, i + columns >= len(panels) and below
        axes.tick_params(labelleft=first, labelbottom=lowest)
        axes.set(xlabel=axes.get_xlabel() if lowest else "", ylabel=axes.get_ylabel() if first else "")


def columns_of(panels: Sequence[Axes]) -> int:
    """How many panels stand side by side."""
    place = panels[0].get_subplotspec()
    return 1 if place is None else int(place.get_gridspec().ncols)


def with_legend(layout: Layout, run: RunView, order: Sequence[str] | None = None) -> Layout:
    """Adds the legend above the panels, and takes the user's size.

    Args:
        layout: the figure.
        run: the run.
        order: names in the order of the legend; by default the compressors of the run, then the references.
    """
    in_order = [*run.styles, *layout.references] if order is None else list(order)
    names = sorted(layout.entries, key=in_order.index)
    width, height = layout.figure.get_size_inches()
    if names:
        titles = [plain_text(run.title(name)) for name in names]
        columns = legend_columns(titles, width if run.options.size_in is None else run.options.size_in[0])
        rows = -(-len(names) // columns)
        layout.figure.set_size_inches(width, height + rows * LEGEND_ROW_IN)
        handles = [layout.entries[name] for name in names]
        layout.figure.legend(handles, titles, loc="outside upper center", ncols=columns)
    if run.options.size_in is not None:
        layout.figure.set_size_inches(*run.options.size_in)
    return layout


def panel_letter(index: int) -> str:
    """Letter of a panel, ``(a)`` for the first, ``(aa)`` after ``(z)``."""
    before, place = divmod(index, 26)
    return f"({chr(ord('a') + before - 1) if before else ''}{chr(ord('a') + place)})"


def _columns(n_panels: int) -> int:
    return 1 if n_panels == 1 else 2 if n_panels in (2, 4) else 3


def legend_columns(titles: list[str], width_in: float) -> int:
    """As many columns as fit, then as few as take no more rows."""
    for columns in range(min(len(titles), MAX_LEGEND_COLUMNS), 1, -1):
        split = np.array_split([len(title) for title in titles], columns)
        if sum(LEGEND_HANDLE_IN + LEGEND_CHARACTER_IN * max(column) for column in split) <= width_in:
            rows = -(-len(titles) // columns)
            return -(-len(titles) // rows)
    return 1
