"""The figures of a run on disk, PNG and PDF."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from linksim.metrics import METRICS
from linksim.report.figures.learning_curves import LEARNING_CURVES
from linksim.report.figures.of_a_run import COSTS_FIGURE, EXAMPLE, OVERVIEW, figure_layouts, sweep_stems
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.metric_format import metric_text
from linksim.report.view.run_view import RunView, view_run
from linksim.report.view.style import COLUMN_IN, paper_style, save

FIGURES_FOLDER = "figures"
# Names of a sweep's figures beside those of its metrics.
_OF_SWEEPS = ("equal_bits", "cdf", "point", "nmse_bits")


@dataclass(frozen=True)
class Drawing:
    """One figure on disk.

    Attributes:
        name: its file stem.
        place: where in a report it belongs, as ``Plan`` has it.
        caption: what it shows.
        files: the raster file first, then the vector file if there is one.
        wide: whether it spans two columns on paper.
    """

    name: str
    place: str
    caption: str
    files: list[Path]
    wide: bool


def draw_figures(run_folder: Path, options: FigureOptions | None = None) -> list[Path]:
    """Draws all figures of a run into ``<run_folder>/figures``; an incomplete run gives what it has.

    Returns:
        The files written, PNG and PDF.

    Raises:
        InputError: if the run's files cannot be read, or an option does not fit the run; one line.
    """
    return [path for drawing in draw(view_run(run_folder, options=options)) for path in drawing.files]


def draw(run: RunView, groups: Iterable[str] | None = None) -> list[Drawing]:
    """Draws figures of a run; the overview comes first.

    Args:
        run: the run.
        groups: which of ``figure_groups``; by default all.
    """
    folder, drawn = run.folder / FIGURES_FOLDER, []
    with paper_style():
        for plan in figure_layouts(run, groups):
            files = save(plan.figure, folder / plan.name, run.options.vector)
            wide = plan.figure.get_figwidth() > COLUMN_IN
            drawn.append(Drawing(plan.name, plan.place, plan.caption, files, wide))
    return drawn


def remove_superseded(run: RunView, drawings: Iterable[Drawing]) -> None:
    """Removes the figures of a run that an earlier drawing made, of another selection or program, and this one did not.

    Args:
        run: the run.
        drawings: all that are of this drawing.
    """
    kept = {file.name for drawing in drawings for file in drawing.files}
    shown = (*_OF_SWEEPS, *(metric_text(str(name)).short for name in METRICS))
    of_sweeps = {f"{stem}_{name}" for stem in sweep_stems(run) for name in shown}
    for stem in {OVERVIEW, EXAMPLE, COSTS_FIGURE, LEARNING_CURVES, *of_sweeps}:
        for suffix in (".png", ".pdf"):
            if f"{stem}{suffix}" not in kept:
                (run.folder / FIGURES_FOLDER / f"{stem}{suffix}").unlink(missing_ok=True)
