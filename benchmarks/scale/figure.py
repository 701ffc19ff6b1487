"""Time and memory against size, two panels for each thing that is varied."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from benchmarks.scale.axes import AXES

_COLUMNS = 4
# Least distance of sizes that are written, as a share of the axis.
_LEAST_APART = 0.18


def draw(table: pd.DataFrame, file: Path) -> None:
    """Draws the time of each run, both axes logarithmic, over its peak memory, from 0; all panels have the same scales.

    Args:
        table: rows with ``axis``, ``value``, ``cpu_s``, ``wall_s`` and ``peak_mib``.
        file: where the PNG goes.
    """
    names = [name for name in AXES if (table["axis"] == name).any()]
    rows = 2 * -(-len(names) // _COLUMNS)
    longest = 10 ** math.ceil(math.log10(table[["cpu_s", "wall_s"]].to_numpy().max()))
    figure, panels = plt.subplots(rows, _COLUMNS, figsize=(9.6, 2.2 * rows), squeeze=False, layout="constrained")
    for number, name in enumerate(names):
        row, column = 2 * (number // _COLUMNS), number % _COLUMNS
        runs = table[table["axis"] == name].sort_values("value")
        time = runs["wall_s" if AXES[name].wall else "cpu_s"]
        above, below = panels[row, column], panels[row + 1, column]
        above.plot(runs["value"], time, "o-", color="C0")
        # In proportion to the size, through the last point.
        last = runs["value"].iloc[-1]
        if not AXES[name].wall:
            above.plot(runs["value"], time.iloc[-1] * runs["value"] / last, ":", color="0.5")
        below.plot(runs["value"], runs["peak_mib"], "s-", color="C1")
        above.set(yscale="log", ylim=(0.3, longest), ylabel="wall time [s]" if AXES[name].wall else "CPU time [s]")
        above.yaxis.set_major_formatter("{x:g}")
        below.set(ylim=(0, 1.1 * table["peak_mib"].max()), ylabel="peak memory [MiB]")
        for panel in (above, below):
            _label_sizes(panel, runs["value"], AXES[name].title)
    for panel in panels.flat:
        panel.set_visible(panel.has_data())
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _label_sizes(panel: Axes, values: pd.Series, title: str) -> None:
    panel.set(xscale="log", xlabel=title)
    # From the largest on those that leave room for their text.
    shown: list[float] = []
    for value in reversed(values.to_list()):
        if not shown or math.log(shown[-1] / value) > _LEAST_APART * math.log(values.iloc[-1] / values.iloc[0]):
            shown.append(value)
    panel.set_xticks(shown, [f"{value:g}" for value in shown], fontsize=7)
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.grid(visible=True, alpha=0.3)
