"""How far a run is: in a terminal a live table and the time left, elsewhere a line for every finished point."""

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from linksim.logs import FILE_ONLY, live_console
from linksim.simulation.point_job import PointJob

_LOGGER = logging.getLogger(__name__)

_ROWS = 10
_COMPRESSORS = 5


class PointProgress:
    """Shows the points that are finished and the time left.

    Args:
        jobs: all points of the run, those that were finished before included.
        metric: the metric that the live table shows.
    """

    def __init__(self, jobs: Sequence[PointJob], metric: str) -> None:
        console = live_console()
        self._jobs = jobs
        self._metric = metric
        self._finished: list[PointJob] = []
        self._before = sum(job.finished for job in jobs)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("elapsed,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
        )
        self._task = self._bar.add_task(self._points(), total=None)
        self._live = None
        if console is not None:
            self._live = Live(get_renderable=self._render, console=console, transient=True, refresh_per_second=2)
        self._update()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def shard_finished(self, job: PointJob) -> None:
        """Takes the point of a shard that has just been merged."""
        if job.finished:
            self._finished.append(job)
            line = f"point {self._points()}: {job.point.sweep} {job.axes}{job.ending}"
            # A live display shows the point itself.
            _LOGGER.info(line, extra=None if self._live is None else FILE_ONLY)
        self._update()

    def _points(self) -> str:
        return f"{self._before + len(self._finished)} of {len(self._jobs)}"

    def _update(self) -> None:
        self._bar.update(
            self._task,
            description=f"{self._points()} points",
            completed=sum(job.measured_count for job in self._jobs),
            total=sum(job.expected_count for job in self._jobs),
        )

    def _render(self) -> Group:
        labels = list(dict.fromkeys(label for job in self._finished[-_ROWS:] for label in job.labels(self._metric)))
        table = Table(title=f"finished last, {self._metric}", title_justify="left", box=None, padding=(0, 1))
        for heading in ("sweep", "point", "samples", *labels[:_COMPRESSORS]):
            table.add_column(heading, justify="left" if heading in ("sweep", "point") else "right", no_wrap=True)
        for job in self._finished[-_ROWS:]:
            figures = [job.figure(label, self._metric) for label in labels[:_COMPRESSORS]]
            table.add_row(job.point.sweep, job.axes, str(job.taken), *figures)
        return Group(table, self._bar) if self._finished else Group(self._bar)
