"""Figures of a generalisation study: who stands where when trained here and tested there, and what a few samples give.

A heat map for each metric and normalisation, a panel a compressor: rows are training sources, columns tested ones, each
cell the value and half its 95 % interval; the sources that a compressor was trained on are framed. Likewise for tables
of the context codec, a panel for those of one source and one for those of mixtures.
"""

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from linksim.report.figures.matrix_image import COLOUR_MAP
from linksim.report.view.curve_style import curve_style_at, curve_styles
from linksim.report.view.metric_format import metric_text
from linksim.report.view.names import compressor_title
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, paper_style, plain_text, save, wrapped_text

_COLUMNS = 2
_ROW_IN = 0.3
_NUMBER_SIZE = 6.0
_INTERVAL_SIZE = 4.5
# Luminance below which white numbers are the legible ones.
_DARK = 0.5
_LUMINANCE = np.array([0.299, 0.587, 0.114])


def draw_study(table: pd.DataFrame, folder: Path, vector: bool = True) -> list[Path]:
    """Draws every figure of a study's table, PNG and PDF.

    Args:
        table: as ``linksim.studies.generalisation.gather`` gives it.
        folder: where to.
        vector: whether to write PDF beside PNG.

    Returns:
        The files written.
    """
    files: list[Path] = []
    matrix = table[table.adaptation_part == ""]
    with paper_style():
        for _, part in matrix.groupby(["metric", "normalisation"], sort=False):
            name = f"heatmap_{part.metric.iloc[0]}_{part.normalisation.iloc[0]}"
            files += save(_heat_map(part, _axis_label(part)), folder / name, vector)
        for metric, part in table.groupby("metric", sort=False):
            if (part.adaptation_part != "").any():
                files += save(_adaptation(part), folder / f"adaptation_{metric}", vector)
    return files


def draw_losses(table: pd.DataFrame, folder: Path, vector: bool = True) -> list[Path]:
    """Draws what tables of the context codec lose, PNG and PDF: a panel for those of one source and those of mixtures.

    Args:
        table: of ``linksim.studies.table_generalisation.table_losses``.
        folder: where to.
        vector: whether to write PDF beside PNG.

    Returns:
        The files written.
    """
    ends = {"bits_percent": "value", "bits_percent_low": "ci_low", "bits_percent_high": "ci_high"}
    alone = table.case.isin(["same", "unseen"])
    panels = np.where(alone, "Tables of one source", "Tables of a mixture")
    cells = table.rename(columns=ends).assign(compressor=panels)
    with paper_style():
        return save(_heat_map(cells, "More bits at equal NMSE [%]"), folder / "more_bits", vector)


def _heat_map(table: pd.DataFrame, label: str) -> Figure:
    sources = list(table.tested_on.unique())
    learned = table[table.case != "none"]
    panels = [(str(name), part) for name, part in learned.groupby("compressor", sort=False)]
    untrained = table[table.case == "none"]
    if len(untrained):
        panels.append(("learn nothing", untrained.assign(trained_on=untrained.compressor)))
    # What only truncates is exact in the truncated domain, and would flatten the colours of all others.
    coloured = learned if len(learned) else table
    finite = coloured.value[np.isfinite(coloured.value)]
    scale = Normalize(finite.min(), finite.max()) if len(finite) else Normalize(0, 1)
    n_columns = min(_COLUMNS, len(panels))
    lines = [panels[i : i + n_columns] for i in range(0, len(panels), n_columns)]
    heights = [max(part.trained_on.nunique() for _, part in line) for line in lines]
    width_in = DOUBLE_COLUMN_IN if n_columns > 1 else COLUMN_IN
    height_in = _ROW_IN * sum(heights) + 0.25 * len(lines) + 0.75
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    places = figure.subplots(len(lines), n_columns, squeeze=False, height_ratios=heights)
    for place in places.flat:
        place.set_visible(False)
    for axes, (name, part) in zip(places.flat, panels, strict=False):
        axes.set_visible(True)
        _draw_panel(axes, name, part, sources, scale)
    names = [plain_text(source) for source in sources]
    for number, axes in enumerate(places.flat):
        lowest = number + n_columns >= len(panels)
        axes.set_xticks(range(len(names)), names if lowest else [], rotation=30, ha="right")
    image = matplotlib.cm.ScalarMappable(scale, COLOUR_MAP)
    # The bar is as high as the panels together, its label no longer than that.
    wrapped = "\n".join(wrapped_text(label, _ROW_IN * sum(heights) + 0.25 * (len(lines) - 1), split=False))
    extend = _beyond(table.value, scale)
    figure.colorbar(image, ax=list(places.flat), label=wrapped, pad=0.01, aspect=40, extend=extend)
    figure.supylabel("Trained on", fontsize=8)
    figure.supxlabel("Tested on", fontsize=8)
    return figure


def _beyond(values: pd.Series, scale: Normalize) -> Literal["neither", "min", "max", "both"]:
    """At which ends of a colour bar values lie that have the colour of the end."""
    below, above = bool((values < scale.vmin).any()), bool((values > scale.vmax).any())
    return "both" if below and above else "min" if below else "max" if above else "neither"


def _draw_panel(axes: Axes, name: str, part: pd.DataFrame, sources: Sequence[str], scale: Normalize) -> None:
    rows = list(part.trained_on.unique())
    values = np.full((len(rows), len(sources)), np.nan)
    colours = matplotlib.colormaps[COLOUR_MAP]
    for cell in part.to_dict("records"):
        y, x = rows.index(cell["trained_on"]), sources.index(cell["tested_on"])
        value, half = float(cell["value"]), float(cell["ci_high"] - cell["ci_low"]) / 2
        values[y, x] = value
        colour = np.asarray(colours(float(scale(np.clip(value, scale.vmin, scale.vmax)))))
        ink = "white" if math.isfinite(value) and float(colour[:3] @ _LUMINANCE) < _DARK else "black"
        axes.text(x, y - 0.13, _number(value), ha="center", va="center", color=ink, fontsize=_NUMBER_SIZE)
        if math.isfinite(half):
            text = f"\N{PLUS-MINUS SIGN}{half:.2g}"
            axes.text(x, y + 0.27, text, ha="center", va="center", color=ink, fontsize=_INTERVAL_SIZE)
        if cell["case"] in ("same", "mixed"):
            axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, edgecolor=ink, linewidth=0.9))
    shown = np.clip(values, scale.vmin, scale.vmax)
    axes.imshow(shown, cmap=COLOUR_MAP, norm=scale, aspect="auto", interpolation="nearest")
    axes.set_title(plain_text(compressor_title(name)))
    axes.set_yticks(range(len(rows)), [plain_text(compressor_title(str(row))) for row in rows])
    axes.tick_params(length=0)
    axes.grid(False)


def _adaptation(table: pd.DataFrame) -> Figure:
    adapted = table[table.adaptation_part != ""]
    tested_on, normalisation = adapted.tested_on.iloc[0], adapted.normalisation.iloc[0]
    here = table[(table.tested_on == tested_on) & (table.normalisation == normalisation)]
    matrix = here[here.adaptation_part == ""]
    networks = list(adapted.compressor.unique())
    sources = list(adapted.trained_on.unique())
    ways = list(product(sources, adapted.adaptation_part.unique()))
    samples = sorted({0, *adapted.adaptation_samples})
    n_columns = min(_COLUMNS, len(networks))
    n_lines = math.ceil(len(networks) / n_columns)
    figure = Figure(figsize=(DOUBLE_COLUMN_IN, 1.9 * n_lines + 0.6), layout="constrained")
    places = figure.subplots(n_lines, n_columns, squeeze=False, sharey=True, sharex=True)
    styles = {way: curve_style_at(place) for place, way in enumerate(ways)}
    for axes, name in zip(places.flat, networks, strict=False):
        for source, part in ways:
            start = matrix[(matrix.compressor == name) & (matrix.trained_on == source)]
            learnt = adapted[(adapted.compressor == name) & (adapted.trained_on == source)]
            rows = pd.concat([start, learnt[learnt.adaptation_part == part]])
            errors = np.stack([rows.value - rows.ci_low, rows.ci_high - rows.value])
            places_x = [samples.index(count) for count in rows.adaptation_samples]
            learns = "the decoder learns" if part == "decoder" else "both sides learn"
            label = learns if len(sources) == 1 else plain_text(f"{source}: {learns}")
            axes.errorbar(places_x, rows.value, yerr=errors, label=label, **styles[source, part].line_options())
        for label, line, row in _references(matrix, name, tested_on):
            colour = curve_styles(["klt"])["klt"].colour if label.startswith("KLT") else "0.35"
            axes.axhline(row.value, color=colour, linestyle=line, linewidth=0.9, label=label)
        axes.set_title(plain_text(compressor_title(name)))
        axes.set_xticks(range(len(samples)), [f"{count}" for count in samples])
    for axes in places.flat[len(networks) :]:
        axes.set_visible(False)
    after = f" after training on {sources[0]}" if len(sources) == 1 else ", after training on others"
    figure.supxlabel(plain_text(f"Channels of {tested_on}{after}"), fontsize=8)
    figure.supylabel(_axis_label(table), fontsize=8)
    handles = {text: line for axes in places.flat for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4 if len(sources) == 1 else 2)
    return figure


def _references(matrix: pd.DataFrame, network: str, tested_on: str) -> list[tuple[str, str, "pd.Series[float]"]]:
    """Lines to compare with: the network trained on the new source itself, and the KLT fitted to it."""
    found = []
    same = matrix[matrix.trained_on == tested_on]
    for label, line, compressor in (("trained on it", "-", network), ("KLT fitted to it", ":", "klt")):
        rows = same[same.compressor == compressor]
        if len(rows):
            found.append((label, line, rows.iloc[0]))
    return found


def _axis_label(table: pd.DataFrame) -> str:
    return metric_text(str(table.metric.iloc[0])).label


def _number(value: float) -> str:
    if math.isnan(value):
        return "\N{EN DASH}"
    if not math.isfinite(value):
        return "\N{MINUS SIGN}\N{INFINITY}" if value < 0 else "\N{INFINITY}"
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")
