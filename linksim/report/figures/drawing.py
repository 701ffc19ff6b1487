"""The figures of a run on disk, PNG and PDF; worker processes share them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linksim.report.figures.of_a_run import figure_groups, figure_layouts
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import RunView, view_run
from linksim.report.view.style import COLUMN_IN, paper_style, save

if TYPE_CHECKING:
    from linksim.execution.executor import Executor

FIGURES_FOLDER = "figures"


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


def draw(run: RunView, executor: "Executor | None" = None) -> list[Drawing]:
    """Draws all figures of a run; the overview comes first.

    Args:
        run: the run.
        executor: whose workers on this machine share the figures; by default this process draws all.
    """
    groups = figure_groups(run)
    parts = 1 if executor is None else executor.local_workers
    if executor is None or parts == 1:
        return [drawing for _, drawing in _drawn(run, list(groups))]
    tasks = [(run.folder, run.options, part) for part in _shares(groups, parts)]
    drawn: dict[str, list[Drawing]] = {}
    for _, part in executor.run(draw_part, tasks):
        for group, drawing in part:
            drawn.setdefault(group, []).append(drawing)
    return [drawing for group in groups for drawing in drawn.get(group, ())]


def draw_part(run_folder: Path, options: FigureOptions, groups: list[str]) -> list[tuple[str, Drawing]]:
    """Draws some groups of a run's figures, each figure with its group."""
    return list(_drawn(view_run(run_folder, options=options), groups))


def _shares(groups: dict[str, int], parts: int) -> list[list[str]]:
    """Groups as parts that take about as long: the longest first, each to the part that has least."""
    shares: list[list[str]] = [[] for _ in range(parts)]
    for group in sorted(groups, key=lambda name: -groups[name]):
        min(shares, key=lambda share: sum(groups[name] for name in share)).append(group)
    return [share for share in shares if share]


def _drawn(run: RunView, groups: list[str]) -> Iterator[tuple[str, Drawing]]:
    folder = run.folder / FIGURES_FOLDER
    with paper_style():
        for group in groups:
            for plan in figure_layouts(run, [group]):
                files = save(plan.figure, folder / plan.name, run.options.vector)
                wide = plan.figure.get_figwidth() > COLUMN_IN
                yield group, Drawing(plan.name, plan.place, plan.caption, files, wide)
