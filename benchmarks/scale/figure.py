"""Time and memory against size, one panel for each thing that is varied."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import NullFormatter, ScalarFormatter

from benchmarks.scale.axes import AXES


def draw(table: pd.DataFrame, file: Path) -> None:
    """Draws the time of each run over its peak memory, both axes logarithmic.

    Args:
        table: rows with ``axis``, ``value``, ``cpu_s``, ``wall_s`` and ``peak_mib``.
        file: where the PNG goes.
    """
    names = [name for name in AXES if (table["axis"] == name).any()]
    figure, panels = plt.subplots(2, len(names), figsize=(2.3 * len(names), 4.6), squeeze=False, layout="constrained")
    for name, (above, below) in zip(names, panels.T, strict=True):
        axis, rows = AXES[name], table[table["axis"] == name].sort_values("value")
        above.plot(rows["value"], rows["wall_s" if axis.wall else "cpu_s"], "o-", color="C0")
        below.plot(rows["value"], rows["peak_mib"], "s-", color="C1")
        above.set_title("wall time" if axis.wall else "CPU time", fontsize=9)
        below.set_title("peak memory", fontsize=9)
        for panel in (above, below):
            panel.set(xscale="log", yscale="log", xlabel=axis.title)
            panel.set_xticks(rows["value"], [f"{value:g}" for value in rows["value"]], fontsize=7)
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.yaxis.set_major_formatter(ScalarFormatter())
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.grid(visible=True, which="both", alpha=0.3)
    panels[0, 0].set_ylabel("s")
    panels[1, 0].set_ylabel("MiB")
    figure.savefig(file, dpi=130)
    plt.close(figure)
