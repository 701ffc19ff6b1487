"""``linksim study``."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import ExecutorName, Scheduler, Workers, file_argument
from linksim.execution.options import ExecutionOptions
from linksim.terminal import say


def study(
    file: Annotated[Path, file_argument("STUDY", "study file")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override base.path.to.key, or a key of the study; often"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder of all results")] = Path("results"),
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    train: Annotated[bool, typer.Option("--train", help="train networks whose weights are missing")] = False,
    budget: Annotated[
        str | None, typer.Option(help="of every network's training: 50epochs, 100000samples or 5min")
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny study of the same path, in seconds")] = False,
) -> None:
    """Runs a study over many scenarios and reports it; the same command continues one that was stopped."""
    from linksim.scenario.training_budget import budget_override
    from linksim.studies.model import load_study
    from linksim.studies.run import run_study

    execution = ExecutionOptions(workers, executor, scheduler)
    settings = [*(overrides or ()), *([f"base.{budget_override(budget)}"] if budget else ())]
    study_model = load_study(file, settings)
    report = run_study(study_model, file, out, execution, command_line(), train=train, small=smoke)
    say(report.tables)
    for path in report.files:
        say(str(path))
