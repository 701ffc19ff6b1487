"""``linksim plot``: the figures and the report of a run, anew."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linksim.cli.figure_options import takes_figure_options
from linksim.terminal import say

if TYPE_CHECKING:
    from linksim.report.view.figure_options import FigureOptions


@takes_figure_options
def plot(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="run folder, or a scenario's folder of results (its newest run)")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="metric that gets figures; may be given often; by default those that suit what a sweep varies"
        ),
    ] = None,
    *,
    options: "FigureOptions",
) -> None:
    """Draws the figures and the report of a run anew, from its files."""
    from linksim.api import open_run

    say(f"report: {open_run(run).report(replace(options, metrics=tuple(metric or ())))}")
