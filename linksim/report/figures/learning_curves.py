"""Learning curves of the networks of one training scenario: validation NMSE against training channels seen."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from feedback.training.state import Progress
from linksim.preparation.training_log import LOG_FILE
from linksim.report.figures.curves import legend_handle
from linksim.report.figures.layouts import LEGEND_ROW_IN, PANEL_HEIGHT_IN, legend_columns, panel_letter
from linksim.report.view.curve_style import DEFAULT_PALETTE, curve_styles
from linksim.report.view.names import compressor_titles
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, paper_style, plain_text, save
from linksim.report.view.ticks import set_log_ticks

# File stem of the figure.
LEARNING_CURVES = "learning_curves"

_COLUMNS = 2
_LEGEND_COLUMNS = {1: 3, 2: 5}
# Markers on a curve, however many validations it has.
_MARKERS = 8
# Dots between the dashes of a level's line, in each shade of grey; more dots where there are more levels.
_DOTS = 3
# Shows all of them in a legend, and what that takes of the legend's width.
_LONG_HANDLE, _LONG_HANDLE_SHARE = 4.0, 0.8
_SHADES = ("0.2", "0.5", "0.7")


def write_learning_curves(
    folder: Path, runs: Sequence[Path], palette: str = DEFAULT_PALETTE, vector: bool = True
) -> list[Path] | None:
    """Draws ``learning_curves.png`` and ``.pdf``, a panel for each compression ratio.

    Args:
        folder: where they go.
        runs: folders ``NAME-crRATIO-KEY`` with a ``log.csv`` each; those without are left out.
        palette: name of the set of colours.
        vector: whether to write the PDF.

    Returns:
        The files, or ``None`` where there is no log.
    """
    logs = {run.name: pd.read_csv(run / LOG_FILE) for run in sorted(runs) if (run / LOG_FILE).exists()}
    if not logs:
        return None
    curves = [(*_name_and_ratio(stem), log) for stem, log in logs.items()]
    ratios = sorted({ratio for _, ratio, _ in curves})
    names = sorted({name for name, _, _ in curves})
    styles, titles = curve_styles(names, palette=palette), compressor_titles({name: name for name in names})
    n_columns = min(_COLUMNS, len(ratios))
    n_rows = math.ceil(len(ratios) / n_columns)
    legend_rows = math.ceil(len(names) / _LEGEND_COLUMNS[n_columns])
    size = (DOUBLE_COLUMN_IN if n_columns > 1 else COLUMN_IN, PANEL_HEIGHT_IN * n_rows + LEGEND_ROW_IN * legend_rows)
    with paper_style():
        figure = Figure(figsize=size, layout="constrained")
        panels = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
        for i, (panel, ratio) in enumerate(zip(panels, ratios, strict=False)):
            for name, _, log in (curve for curve in curves if curve[1] == ratio):
                every = max(1, math.ceil(len(log) / _MARKERS))
                panel.plot(log["samples"], log["validation_nmse_db"], markevery=every, **styles[name].line_options())
            panel.locator_params(axis="x", nbins=5)
            letter = f"{panel_letter(i)} " if len(ratios) > 1 else ""
            panel.set_title(f"{letter}Compression ratio 1/{ratio:g}")
            panel.set_xlabel("Training channels seen")
            panel.set_ylabel("NMSE on validation [dB]")
        for panel in panels[len(ratios) :]:
            panel.set_axis_off()
        handles = [legend_handle(styles[name]) for name in names]
        labels = [plain_text(titles[name]) for name in names]
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(names), _LEGEND_COLUMNS[n_columns]))
        return save(figure, folder / LEARNING_CURVES, vector)


def write_curves_together(
    stem: Path,
    curves: Mapping[str, Sequence[Progress]],
    levels: Mapping[str, float],
    *,
    log_samples: bool = False,
    vector: bool = True,
) -> list[Path]:
    """Draws several trainings in one panel: ``<stem>.png`` and ``<stem>.pdf``.

    Args:
        stem: path without suffix.
        curves: label -> validations of a training, the start first.
        levels: label -> NMSE in dB, drawn across as a reference.
        log_samples: whether the axis of channels seen is logarithmic; the start has no place on it then.
        vector: whether to write the PDF.
    """
    styles, titles = curve_styles([*curves]), [plain_text(label) for label in (*curves, *levels)]
    columns = legend_columns(titles, COLUMN_IN * (_LONG_HANDLE_SHARE if levels else 1))
    rows = math.ceil(len(titles) / columns)
    with paper_style():
        figure = Figure(figsize=(COLUMN_IN, PANEL_HEIGHT_IN + LEGEND_ROW_IN * rows), layout="constrained")
        panel = figure.subplots()
        for label, validations in curves.items():
            shown = [one for one in validations if one.samples > 0 or not log_samples]
            samples, errors = [one.samples for one in shown], [one.validation_nmse_db for one in shown]
            every = max(1, math.ceil(len(shown) / _MARKERS))
            options = styles[label].line_options()
            panel.plot(samples, errors, markevery=every, label=plain_text(label), **options)
        for place, (label, level) in enumerate(levels.items()):
            panel.axhline(level, label=plain_text(label), **_level_line(place))
        if log_samples:
            panel.set_xscale("log")
            set_log_ticks(panel.xaxis, base=10)
        else:
            panel.locator_params(axis="x", nbins=5)
        panel.set_xlabel("Training channels seen")
        panel.set_ylabel("NMSE on validation [dB]")
        length = _LONG_HANDLE if levels else None
        figure.legend(loc="outside upper center", ncols=columns, handlelength=length)
        return save(figure, stem, vector)


def _level_line(place: int) -> dict[str, Any]:
    """Keywords of a level's line: no two levels of a figure have the same."""
    shades, dots = divmod(place, _DOTS)
    rounds, shade = divmod(shades, len(_SHADES))
    dashes = (5.0, 1.5, *(1.0, 1.5) * (dots + _DOTS * rounds))
    return {"color": _SHADES[shade], "linestyle": (0, dashes), "linewidth": 1.0}


def title_of(run: Path) -> str:
    """What a training in a folder ``crnet_drawn-cr16-KEY`` is called: ``CRNet drawn, 1/16``."""
    stem = run.resolve().name
    label, _, rest = stem.rpartition("-cr")
    if not label:
        return stem
    words = label.replace("_", " ")
    return f"{compressor_titles({words: words.partition(' ')[0]})[words]}, 1/{rest.partition('-')[0]}"


def _name_and_ratio(stem: str) -> tuple[str, float]:
    name, _, rest = stem.rpartition("-cr")
    return name, float(rest.partition("-")[0])
