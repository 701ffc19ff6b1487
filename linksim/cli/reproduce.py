"""``linksim reproduce``: a table of a paper, ours beside published."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import Device, Overrides, ResultsFolder, Workers
from linksim.errors import InputError
from linksim.terminal import Console

if TYPE_CHECKING:
    import pandas as pd

_LOGGER = logging.getLogger(__name__)

_BUDGET = "20000samples"


def reproduce(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="such as acrnet-table1, bcsinet-table4, deq-figure4; with --no-train by default all of them",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="BUDGET", help=f"for each network to train: 20000samples seen, 5min, 3epochs; by default {_BUDGET}"
        ),
    ] = None,
    overrides: Overrides = None,
    out: ResultsFolder = Path("results"),
    device: Device = None,
    workers: Workers = None,
    complexity: Annotated[
        bool, typer.Option("--complexity", help="complexity only: nothing is trained or run")
    ] = False,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="only what the zoo's documents say: nothing is trained or run")
    ] = False,
    least_seen: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="with --no-train: weights that have seen N channels or more")
    ] = None,
    most_seen: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="with --no-train: weights that have seen N channels or fewer")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="a tiny run of the same path; its figures mean nothing")
    ] = False,
) -> None:
    """Reproduces a published table under a budget, and says how far the orderings agree.

    Networks that the zoo holds are not trained again. With --no-train, do the published orderings hold for the weights
    of the zoo? The best ones of every network and ratio beside the best figure that a paper prints, and rank
    correlations at each ratio.
    """
    from linksim.execution.options import ExecutionOptions
    from linksim.report import reproduction as report
    from linksim.scenario.smoke import smoke as smoke_version
    from linksim.scenario.training_budget import budget_override
    from linksim.simulation.engine import RunOptions, run
    from linksim.studies.reproduction import complexities, load_reproduction, missing_networks, performance

    of_runs = {"--budget": budget, "--device": device, "--workers": workers, "--smoke": smoke}
    if no_train:
        _refuse("--no-train", {"--set": overrides, "--complexity": complexity, **of_runs})
        _show_zoo(table, least_seen or 0, most_seen, Console())
        return
    if table is None:
        raise InputError("TABLE: got none, expected one such as acrnet-table1, or --no-train")
    for option, count in {"--least-seen": least_seen, "--most-seen": most_seen}.items():
        if count is not None:
            raise InputError(f"{option}: got {count} without --no-train, expected both or none")
    if complexity:
        _refuse("--complexity", of_runs)
    budget = budget or _BUDGET
    settings = [budget_override(budget), *(overrides or ()), *([f"device={device}"] if device else ())]
    reproduction, console = load_reproduction(table, settings), Console()
    costs = complexities(reproduction)
    if not costs.empty:
        report.print_lines(f"{table}: complexity", report.complexity_lines(costs), console)
    if complexity:
        if costs.empty:
            console.print(f"{table}: no complexity is published", highlight=False)
        return
    if smoke:
        zoo = str(out / f"{table}.smoke" / "zoo")
        reproduction = replace(reproduction, scenario=smoke_version(reproduction.scenario, zoo))
    missing = missing_networks(reproduction.scenario)
    if missing:
        _LOGGER.info("%d networks to train, %s each", len(missing), budget)
    options = RunOptions(train=True, command=command_line(), execution=ExecutionOptions(workers=workers))
    folder = run(reproduction.scenario, out, options).path
    figures = performance(reproduction, folder)
    remarks = _remarks(reproduction.scenario.description, reproduction.unavailable, budget, smoke)
    _show_and_write(table, figures, costs, remarks, folder, console)


def _refuse(mode: str, unused: Mapping[str, object]) -> None:
    """Options that would change nothing are not taken."""
    if given := next((option for option, value in unused.items() if value), None):
        raise InputError(f"{given}: got it with {mode}, which runs nothing, expected one of the two")


def _show_zoo(table: str | None, least_seen: int, most_seen: int | None, console: Console) -> None:
    """Weights of the zoo beside published figures, and how far the orderings agree."""
    from linksim.report import reproduction as report
    from linksim.studies.reproduction import load_reproduction, rank_correlations
    from linksim.studies.zoo_orderings import zoo_figures
    from linksim.zoo.entries import read_zoo
    from linksim.zoo_folders import default_zoos

    if table is not None:
        load_reproduction(table, [])
    if most_seen is not None and most_seen < least_seen:
        raise InputError(f"--most-seen: got {most_seen}, expected no fewer than --least-seen ({least_seen})")
    folders = [folder for folder in default_zoos() if folder.is_dir()]
    figures = zoo_figures(read_zoo(*folders), table, least_seen, most_seen)
    if figures.empty:
        raise InputError(f"{' and '.join(map(str, folders))}: got no such weights, expected networks of the papers")
    title = f"{table or 'all papers'}: NMSE, ours on validation channels"
    report.print_lines(title, report.performance_lines(figures), console)
    for line in report.rank_lines(rank_correlations(figures)) or ["orderings: fewer than three published networks"]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _show_and_write(
    table: str, figures: "pd.DataFrame", costs: "pd.DataFrame", remarks: list[str], folder: Path, console: Console
) -> None:
    """Ours beside published on the terminal, and as CSV, Markdown and a figure in the run's folder."""
    from linksim.files import write_whole
    from linksim.report import reproduction as report
    from linksim.storage.csv_text import csv_text
    from linksim.studies.reproduction import rank_correlations

    ranks = rank_correlations(figures)
    report.print_lines(f"{table}: NMSE", report.performance_lines(figures), console)
    for line in [*remarks, *report.rank_lines(ranks)]:
        console.print(line, highlight=False, markup=False)
    write_whole(folder / "reproduction.csv", csv_text(figures))
    write_whole(folder / "reproduction_ranks.csv", csv_text(ranks))
    write_whole(folder / "reproduction_complexity.csv", csv_text(costs, "%.12g"))
    tables = [report.performance_lines(figures), *([] if costs.empty else [report.complexity_lines(costs)])]
    write_whole(folder / "reproduction.md", report.markdown(table, remarks, tables, report.rank_lines(ranks)))
    report.draw_reproduction(figures, folder / "figures" / "reproduction")
    console.print(f"reproduction.md, .csv and figure: {folder}", soft_wrap=True, highlight=False)


def _remarks(description: str, unavailable: str | None, budget: str, smoke: bool) -> list[str]:
    remarks = [description]
    if unavailable is not None:
        remarks.append(f"No published values: {unavailable}.")
    remarks.append(
        "Published: original COST 2100 files, 100 000 training channels, 500 to 2500 passes. Here: regenerated COST "
        f"2100 channels, weights of the zoo or trained for {budget} each; the last column says how many training "
        "channels they have seen. Intervals: 95 %."
    )
    if smoke:
        remarks.append("A smoke run: its figures mean nothing.")
    return remarks
