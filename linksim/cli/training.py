"""``linksim train``: the networks of a scenario, or of a campaign of many."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import Budget, Device, ExecutorName, Overrides, Scheduler, Workers, file_argument
from linksim.errors import InputError
from linksim.execution.options import ExecutionOptions
from linksim.terminal import Console, say

if TYPE_CHECKING:
    from linksim.scenario.model import Scenario


def train(
    file: Annotated[Path, file_argument("FILE", "scenario or campaign")],
    overrides: Overrides = None,
    device: Device = None,
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    again: Annotated[bool, typer.Option("--again", help="train also what the zoo already has")] = False,
    budget: Budget = None,
    devices: Annotated[int, typer.Option(min=1, help="processes with one device each for every network")] = 1,
    nice: Annotated[
        int, typer.Option(min=0, max=19, help="how far to stand back for other processes of this machine")
    ] = 0,
    status: Annotated[bool, typer.Option("--status", help="only show how far the trainings are")] = False,
    out: Annotated[Path, typer.Option(help="folder of all results; logs go to training/ below it")] = Path("results"),
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny training of the same path, in seconds")] = False,
) -> None:
    """Trains the networks that a scenario needs into its zoo; the same command continues what was stopped.

    A campaign is a file of many trainings, the most urgent first; of those, networks are trained that the zoo does not
    have at their budget. Every network takes one thread; --workers says how many are trained at once, by default one a
    core, or four on each GPU.
    """
    from linksim.preparation.network_training import TrainingFailedError
    from linksim.preparation.networks import TrainingRun, train_scenario
    from linksim.preparation.training_check import check_trainings
    from linksim.report.figures.learning_curves import write_learning_curves
    from linksim.scenario.campaign import places
    from linksim.scenario.messages import named_problems

    execution = ExecutionOptions(workers, executor, scheduler)
    with named_problems(str(file)):
        scenarios, campaign = _scenarios(file, overrides or [], device, budget, out if smoke else None)
        if status:
            _show_status(scenarios, out, places(file), campaign)
            return
        if campaign:
            # Before the first is trained for hours. One scenario alone is checked where it is trained.
            check_trainings(scenarios, places(file), again=again)
        if nice:
            _stand_back(nice)
        run = TrainingRun(command_line(), again=again, to_budget=campaign, devices=devices)
        failures = []
        for scenario in scenarios:
            try:
                logs = train_scenario(scenario, out, run, execution)
            except TrainingFailedError as error:
                failures.append(error)
                continue
            if figures := write_learning_curves(out / "training" / scenario.name, logs, vector=not smoke):
                say(f"learning curves: {figures[0]}")
        if failures:
            raise failures[0]


def _scenarios(
    file: Path, overrides: Sequence[str], device: str | None, budget: str | None, smoke_out: Path | None
) -> tuple[list["Scenario"], bool]:
    """What is to be trained, and whether it is a campaign."""
    from linksim.scenario.campaign import is_campaign, load_campaign
    from linksim.scenario.file import load_scenario
    from linksim.scenario.smoke import smoke
    from linksim.scenario.training_budget import with_budget
    from linksim.scenario.yaml_file import read_document

    campaign = is_campaign(read_document(file))
    settings = [*overrides, *([f"{'base.' if campaign else ''}device={device}"] if device else ())]
    scenarios = load_campaign(file, settings) if campaign else [load_scenario(file, settings)]
    if budget is not None:
        scenarios = [with_budget(scenario, budget) for scenario in scenarios]
    if smoke_out is not None:
        zoo = smoke_out / f"{scenarios[0].name.partition('.')[0]}.smoke" / "zoo"
        scenarios = [smoke(scenario, zoo=str(zoo)) for scenario in scenarios]
    return scenarios, campaign


def _stand_back(nice: int) -> None:
    if not hasattr(os, "nice"):
        raise InputError(f"--nice: got {nice}, expected none: this system has no priorities of that kind")
    os.nice(nice)


def _show_status(
    scenarios: Sequence["Scenario"], out: Path, place: Callable[[int], AbstractContextManager[None]], campaign: bool
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from linksim.preparation.training_status import seconds_left, training_status
    from linksim.report.figures.learning_curves import write_learning_curves

    statuses = []
    for number, scenario in enumerate(scenarios):
        with place(number):
            statuses += training_status([scenario], out, to_budget=campaign)
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    left = ("training", "network", "state")
    for column in (*left, "seen", "of", "start [dB]", "best [dB]", "per s", "last told"):
        table.add_column(Text(column), justify="left" if column in left else "right", overflow="fold")
    for one in statuses:
        figures = [_number(figure, ".2f") for figure in (one.start_nmse_db, one.best_nmse_db)]
        told = "" if one.told_s is None else f"{_duration(one.told_s)} ago"
        texts = (one.scenario, one.network, one.state, f"{one.seen}", _number(one.budget, "d"))
        table.add_row(*texts, *figures, _number(one.samples_per_s, ".0f"), told)
    # Whole names where nobody looks at a narrow terminal.
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    done = sum(one.is_done for one in statuses)
    seconds, unknown = seconds_left(statuses)
    rest = f", and {unknown} networks of which no training has shown its rate yet" if unknown else ""
    say(f"{done} of {len(statuses)} networks are done; about {_duration(seconds)} of one worker left{rest}")
    for name in dict.fromkeys(one.scenario for one in statuses):
        logs = [one.log for one in statuses if one.scenario == name]
        if figures_of := write_learning_curves(out / "training" / name, logs):
            say(f"learning curves: {figures_of[0]}")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
