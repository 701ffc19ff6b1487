"""The true angular-delay matrix of one test channel beside what the BS rebuilt of each report."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.report.figures.layouts import LEGEND_ROW_IN, panel_letter
from linksim.report.figures.matrix_image import DELAY_LABEL, FLOOR_DB, draw_matrix
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import RunView
from linksim.report.view.style import DOUBLE_COLUMN_IN, wrapped_text
from linksim.simulation.example_matrices import ExampleMatrices

_ROW_HEIGHT_IN = 1.75
_COLUMNS = 4
# Colour bar, and labels of the vertical axis.
_BESIDE_IN = 1.1


def draw_example(run: RunView, example: ExampleMatrices) -> Figure:
    """Moduli in dB, all to the largest of the true matrix, with the error of this channel."""
    shown = [label for label in run.styles if label in example.rebuilt]
    rows = -(-(1 + len(shown)) // (run.options.columns or _COLUMNS))
    # As full as rows can be.
    columns = run.options.columns or -(-(1 + len(shown)) // rows)
    names = ["true", *(run.title(label) for label in shown)]
    errors = ["", *(_error(example, label) for label in shown)]
    width_in = (run.options.size_in or (DOUBLE_COLUMN_IN,))[0] - _BESIDE_IN
    titles = _titles(names, errors, width_in / columns)
    title_lines = max(title.count("\n") for title in titles)
    size = run.options.size_in or (DOUBLE_COLUMN_IN, rows * (_ROW_HEIGHT_IN + title_lines * LEGEND_ROW_IN))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    largest = float(np.abs(example.true).max()) or 1.0
    pictures = [example.true, *(example.rebuilt[label] for label in shown)]
    for i, (axes, title, matrix) in enumerate(zip(grid.flat, titles, pictures, strict=False)):
        image = draw_matrix(axes, _level_db(matrix, largest))
        axes.set_title(title)
        axes.set_xlabel("Angular bin" if i + columns >= len(pictures) else "")
        axes.set_ylabel(DELAY_LABEL if i % columns == 0 else "")
        axes.tick_params(labelbottom=i + columns >= len(pictures))
    for axes in grid.flat[len(pictures) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=grid, label="Modulus, to the\nlargest true one [dB]", pad=0.015, aspect=18 * rows)
    return figure


def _titles(names: Sequence[str], errors: Sequence[str], width_in: float) -> list[str]:
    """Name and error of each picture in one line where all of them fit, else with the errors below the names."""
    named = [f"{panel_letter(i)} {name}" for i, name in enumerate(names)]
    whole = [f"{name}: {error}" if error else name for name, error in zip(named, errors, strict=True)]
    # A name with a comma is a name still.
    lines = [wrapped_text(title, width_in, split=False) for title in whole]
    if all(len(title) == 1 for title in lines):
        return [title for (title,) in lines]
    lines = [wrapped_text(name, width_in, split=False) for name in named]
    return ["\n".join([*title, error] if error else title) for title, error in zip(lines, errors, strict=True)]


def _error(example: ExampleMatrices, label: str) -> str:
    """Error of one rebuilt matrix, with its unit."""
    power = float((np.abs(example.true) ** 2).sum())
    error = float((np.abs(example.true - example.rebuilt[label]) ** 2).sum())
    level = 10 * np.log10(error / power) if error > 0 and power > 0 else -np.inf
    return f"{metric_text('nmse_db').text(float(level))} dB"


def _level_db(matrix: NDArray[np.complex64], largest: float) -> NDArray[np.float64]:
    amplitude = np.abs(matrix).astype(np.float64) / largest
    return np.minimum(20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DB / 20))), 0.0)
