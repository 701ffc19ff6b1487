"""``linksim study``."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import Budget, ExecutorName, ResultsFolder, Scheduler, TrainMissing, Workers, file_argument
from linksim.execution.options import ExecutionOptions
from linksim.terminal import say


def study(
    file: Annotated[Path, file_argument("STUDY", "study file", below="studies")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override base.path.to.key, or a key of the study; often"),
    ] = None,
    out: ResultsFolder = Path("results"),
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    train: TrainMissing = False,
    budget: Budget = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny study of the same path, in seconds")] = False,
) -> None:
    """Runs a study over many scenarios and reports it; the same command continues one that was stopped."""
    from linksim.errors import InputError
    from linksim.scenario.training_budget import budget_override
    from linksim.studies.model import TableStudy, load_study
    from linksim.studies.run import run_study

    execution = ExecutionOptions(workers, executor, scheduler)
    study_model = load_study(file, overrides or ())
    if budget is not None:
        if isinstance(study_model, TableStudy):
            raise InputError(
                "--budget: got it for a study of tables, which trains no network; network_steps is its key"
            )
        study_model = load_study(file, [*(overrides or ()), f"base.{budget_override(budget)}"])
    report = run_study(study_model, file, out, execution, command_line(), train=train, small=smoke)
    say(report.tables)
    for path in report.files:
        say(str(path))
