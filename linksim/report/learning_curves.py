"""Learning curves of the networks of one training scenario: validation NMSE against training channels seen."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from linksim.report.looks import looks
from linksim.report.style import DOUBLE_COLUMN_IN, paper_style, plain_text, save
from linksim.training_log import LOG_FILE

_PANEL_HEIGHT_IN = 2.6
_COLUMNS = 2


def write_learning_curves(folder: Path, runs: Sequence[Path]) -> list[Path] | None:
    """Draws ``learning_curves.png`` and ``.pdf``, a panel for each compression ratio.

    Args:
        folder: where they go.
        runs: folders ``NAME-crRATIO-KEY`` with a ``log.csv`` each; those without are left out.

    Returns:
        Both files, or ``None`` where there is no log.
    """
    logs = {run.name: pd.read_csv(run / LOG_FILE) for run in sorted(runs) if (run / LOG_FILE).exists()}
    if not logs:
        return None
    curves = [(*_name_and_ratio(stem), log) for stem, log in logs.items()]
    ratios = sorted({ratio for _, ratio, _ in curves})
    names = sorted({name for name, _, _ in curves})
    styles = looks(names)
    n_columns = min(_COLUMNS, len(ratios))
    n_rows = math.ceil(len(ratios) / n_columns)
    with paper_style():
        figure = Figure(figsize=(DOUBLE_COLUMN_IN, _PANEL_HEIGHT_IN * n_rows + 0.5), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for panel, ratio in zip(panels, ratios, strict=False):
            for name, _, log in (curve for curve in curves if curve[1] == ratio):
                options = {**styles[name].line_options(), "marker": ""}
                panel.plot(log["samples"], log["validation_nmse_db"], label=plain_text(name), **options)
            panel.locator_params(axis="x", nbins=5)
            panel.set_title(f"compression ratio {ratio:g}")
            panel.set_xlabel("training channels seen")
            panel.set_ylabel("validation NMSE [dB]")
        for panel in panels[len(ratios) :]:
            panel.set_visible(False)
        handles = {
            text: line for panel in panels for line, text in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 5))
        return save(figure, folder / "learning_curves")


def _name_and_ratio(stem: str) -> tuple[str, float]:
    name, _, rest = stem.rpartition("-cr")
    return name, float(rest.partition("-")[0])
