"""What takes longest of a report: its figures, and its tables; worker processes share them."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from linksim.execution.executor import Executor
from linksim.execution.worker_context import WorkerContext, takes_context
from linksim.report.figures.drawing import Drawing, draw
from linksim.report.figures.of_a_run import figure_groups
from linksim.report.tables.rate_distortion import Distances, distances
from linksim.report.tables.sweep import SweepTable, shown_tables, sweep_tables
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.references import REFERENCE_METRICS
from linksim.report.view.run_view import RunView, view_run

_METRICS = (
    "nmse_db",
    "nmse_e2e_db",
    "rho",
    "sgcs",
    "sgcs_e2e",
    "rate_bps_hz",
    "sum_rate_bps_hz",
    "rank",
    "rate_net_bps_hz",
    "rate_loss_bps_hz",
    "bits",
    "bits_max",
    "overhead",
    "report_error_rate",
    "resource_elements",
)


@dataclass(frozen=True)
class PageParts:
    """Drawn figures and tables of a report.

    Attributes:
        drawings: the overview first.
        tables: of all metrics.
        distances: of curves.
        shown: tables of few metrics, for the terminal.
    """

    drawings: list[Drawing] = field(default_factory=list)
    tables: list[SweepTable] = field(default_factory=list)
    distances: list[Distances] = field(default_factory=list)
    shown: list[SweepTable] = field(default_factory=list)


def page_parts(run: RunView, executor: Executor | None = None) -> PageParts:
    """Draws the figures of a run and makes its tables.

    Args:
        run: the run.
        executor: whose workers on this machine share the work; by default this process does all.
    """
    if executor is None or executor.local_workers == 1:
        return replace(_tables(run), drawings=draw(run))
    groups = figure_groups(run)
    # The longest first, so that workers end at about the same time; tables take as long as the largest group at most.
    longest_first = sorted(groups, key=lambda group: -groups[group])
    made = dict(executor.run(page_part, [(run.folder, run.options, group) for group in (None, *longest_first)]))
    drawn = {group: made[number].drawings for number, group in enumerate(longest_first, start=1)}
    return replace(made[0], drawings=[drawing for group in groups for drawing in drawn[group]])


@takes_context
def page_part(context: WorkerContext, folder: Path, options: FigureOptions, group: str | None) -> PageParts:
    """The figures of one group, or the tables where it is ``None``; the rest is empty."""
    # A worker reads results and samples once for all of its groups.
    written = (folder / "results.csv").stat().st_mtime_ns
    run = context.kept(f"view of {folder} {written} {options}", lambda: view_run(folder, options=options))
    return _tables(run) if group is None else PageParts(draw(run, [group]))


def _tables(run: RunView) -> PageParts:
    known = {*_METRICS, *REFERENCE_METRICS}
    others = [name for name in run.results["metric"].drop_duplicates() if name not in known]
    return PageParts([], sweep_tables(run, [*_METRICS, *others]), distances(run), shown_tables(run))
