"""``linksim export-tables``: a run's tables and figures for a paper."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from linksim.cli.figure_options import takes_figure_options
from linksim.terminal import Console

if TYPE_CHECKING:
    from linksim.report.view.figure_options import FigureOptions


@takes_figure_options
def export_tables(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="run folder, or a scenario's folder of results (its newest run)")
    ],
    format_: Annotated[
        Literal["latex", "markdown", "csv"], typer.Option("--format", help="latex: with booktabs")
    ] = "latex",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="metric to show, one table each; may be given often; by default nmse_db and nmse_e2e_db, or all "
            "that compressors differ in; figures: of these only, by default those that suit what a sweep varies"
        ),
    ] = None,
    axis: Annotated[
        str | None, typer.Option(help="axis across the table; sweeps without it are left out; by default the longest")
    ] = None,
    figures: Annotated[Literal["pgf", "pdf"] | None, typer.Option(help="figures too; pgf needs no TeX here")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="where to; by default RUN/tables")] = None,
    *,
    options: "FigureOptions",
) -> None:
    """Writes a run's results as tables for a paper: values with 95 % intervals, and a caption that defines them."""
    from linksim.report.export import export_figures, write_tables
    from linksim.storage.results_table import find_run

    folder = find_run(run)
    target = out or folder / "tables"
    options = replace(options, metrics=tuple(metric or ()))
    files = write_tables(folder, format_, tuple(metric or ()), axis, target, options)
    if figures is not None:
        files += export_figures(folder, figures, axis, target, options)
    for file in files:
        Console().print(file, soft_wrap=True, highlight=False)
