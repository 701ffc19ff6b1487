"""``linksim study``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.options import ExecutorName, LogFile, Quiet, Scheduler, Workers, file_argument
from linksim.execution.options import ExecutionOptions
from linksim.terminal import Console


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
    quiet: Quiet = False,
    log: LogFile = None,
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

    execution = ExecutionOptions(workers, executor, scheduler, quiet, log)
    console = execution.console()
    with console.logged_errors():
        settings = [*(overrides or ()), *([f"base.{budget_override(budget)}"] if budget else ())]
        command = shlex.join(["python", "-m", "linksim", *sys.argv[1:]])
        report = run_study(load_study(file, settings), file, out, execution, console, command, train=train, small=smoke)
        output = Console(quiet=quiet)
        output.print(report.tables, markup=False, highlight=False, soft_wrap=True)
        for path in report.files:
            output.print(path, soft_wrap=True, highlight=False)
        console.write_log(f"finished: {report.files[0]}")
