"""What takes longest of a report: its figures, and the tables of its page; worker processes share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linksim.execution.executor import Executor
from linksim.report.figures.drawing import Drawing, draw
from linksim.report.figures.of_a_run import figure_groups
from linksim.report.tables.rate_distortion import Distances, distances
from linksim.report.tables.sweep import SweepTable, sweep_tables
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.run_view import RunView, view_run


@dataclass(frozen=True)
class PageParts:
    """Drawn figures, the overview first, and tables of a report's page."""

    drawings: list[Drawing]
    tables: list[SweepTable]
    distances: list[Distances]


def page_parts(run: RunView, metrics: Sequence[str], executor: Executor | None = None) -> PageParts:
    """Draws the figures of a run and makes the tables of its page.

    Args:
        run: the run.
        metrics: of the tables.
        executor: whose workers on this machine share the work; by default this process does all.
    """
    if executor is None or executor.local_workers == 1:
        return PageParts(draw(run), sweep_tables(run, metrics), distances(run))
    groups = figure_groups(run)
    # The longest first, so that workers end at about the same time; tables take as long as the largest group at most.
    longest_first = sorted(groups, key=lambda group: -groups[group])
    tasks = [(run.folder, run.options, group, tuple(metrics)) for group in (None, *longest_first)]
    made = dict(executor.run(page_part, tasks))
    drawn = {group: made[number].drawings for number, group in enumerate(longest_first, start=1)}
    drawings = [drawing for group in groups for drawing in drawn[group]]
    return PageParts(drawings, made[0].tables, made[0].distances)


def page_part(folder: Path, options: FigureOptions, group: str | None, metrics: Sequence[str]) -> PageParts:
    """The figures of one group, or the tables where it is ``None``; the rest is empty."""
    run = view_run(folder, options=options)
    if group is None:
        return PageParts([], sweep_tables(run, metrics), distances(run))
    return PageParts(draw(run, [group]), [], [])
