"""Command line: ``linksim run`` and its kin; other commands lie in files of their own."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from linksim.cli.channels import compare, show_channel
from linksim.cli.check_plugin import check_plugin
from linksim.cli.command import add_shared_options, command_line
from linksim.cli.compare import compare_runs
from linksim.cli.complexity import complexity
from linksim.cli.context_enhancer import context_enhancer
from linksim.cli.context_tables import context_tables
from linksim.cli.curves import learning_curves
from linksim.cli.dataset import dataset_app
from linksim.cli.deploy import deploy
from linksim.cli.export import export
from linksim.cli.export_tables import export_tables
from linksim.cli.figures import plot
from linksim.cli.init import init
from linksim.cli.options import (
    Device,
    ExecutorName,
    Overrides,
    ResultsFolder,
    ScenarioFile,
    Scheduler,
    TrainMissing,
    Workers,
)
from linksim.cli.reproduce import reproduce
from linksim.cli.study import study
from linksim.cli.training import train
from linksim.cli.zoo import zoo_app
from linksim.errors import InputError
from linksim.execution.garbage import no_collection
from linksim.execution.interruption import INTERRUPTED, STOPPED
from linksim.execution.kept_memory import keep_memory
from linksim.execution.likely_imports import likely_imports
from linksim.execution.options import ExecutionOptions
from linksim.terminal import Console, prepare_streams, say

if TYPE_CHECKING:
    from linksim.scenario.model import Scenario

_LOGGER = logging.getLogger(__name__)

app = typer.Typer(
    name="linksim",
    help="Link-level simulation of CSI feedback in FDD massive MIMO.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Problems of a scenario that `validate` shows.
_MAX_PROBLEMS = 20

RunFolderArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="run folder, or a scenario's folder of results (its newest run)")
]


@app.command()
def run(
    scenario: ScenarioFile,
    overrides: Overrides = None,
    out: ResultsFolder = Path("results"),
    device: Device = None,
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    adopt: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="take over partial results, a results/<name> of elsewhere")
    ] = None,
    train: TrainMissing = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="a tiny run of the same path, in seconds")] = False,
) -> None:
    """Runs a scenario and reports it; the same command continues a run that was stopped."""
    execution = ExecutionOptions(workers, executor, scheduler)
    keep_memory()
    if (sources := likely_imports(scenario)) is not None:
        execution.begin([*sources, "linksim.report.page_parts"])
    with no_collection():
        from linksim.scenario.messages import named_problems
    with named_problems(str(scenario)):
        with no_collection():
            resolved = _load(scenario, overrides, device)
            # These take seconds, in which the workers import as well.
            from linksim.report.html import write_page
            from linksim.report.page_parts import page_parts
            from linksim.report.tables.terminal import show_tables
            from linksim.report.view.figure_options import FigureOptions
            from linksim.report.view.run_view import view_run
            from linksim.scenario.smoke import smoke as smoke_version
            from linksim.scenario.sources import device_of
            from linksim.simulation.engine import RunOptions
            from linksim.simulation.engine import run as run_scenario

        if smoke:
            resolved = smoke_version(resolved, zoo=str(out / f"{resolved.name}.smoke" / "zoo"))
        options = RunOptions(train or smoke, command_line(), adopt, execution)
        with execution.open_executor(device_of(resolved)) as workplace:
            folder = run_scenario(resolved, out, options, workplace)
            view = view_run(folder.path, options=FigureOptions(vector=not smoke))
            parts = page_parts(view, workplace)
            report = write_page(view, parts)
    show_tables(view, parts.shown, Console())
    say(f"report: {report}")


@app.command()
def validate(scenario: ScenarioFile, overrides: Overrides = None) -> None:
    """Checks a scenario, or every one of a campaign or study, without running it."""
    from linksim.preparation.dimension_check import check_channels, check_points
    from linksim.scenario.campaign import load_scenarios, places
    from linksim.scenario.file import is_study
    from linksim.scenario.messages import named_problems
    from linksim.scenario.sweep import points_of, replaced_links
    from linksim.scenario.yaml_file import read_document
    from linksim.simulation.validity import validity_warnings

    try:
        if is_study(read_document(scenario)):
            say(f"{scenario}: valid, {_checked_study(scenario, overrides or ())} runs")
            return
        with named_problems(str(scenario)):
            scenarios, place = load_scenarios(scenario, overrides or ()), places(scenario)
            points = []
            for number, resolved in enumerate(scenarios):
                with place(number):
                    points += (own := points_of(resolved))
                    check_points(own)
                    check_channels(own)
            # Most scenarios have no teacher, and are checked without PyTorch.
            if any(getattr(part, "distillation", None) for resolved in scenarios for part in resolved.compressors):
                from linksim.preparation.training_check import check_trainings

                check_trainings(scenarios, place)
    except InputError as error:
        for line in error.lines[:_MAX_PROBLEMS]:
            _complain(line)
        if len(error.lines) > _MAX_PROBLEMS:
            _complain(f"and {len(error.lines) - _MAX_PROBLEMS} more problems")
        raise typer.Exit(2) from None
    for line in validity_warnings(point.scenario for point in points):
        _LOGGER.warning(line)
    for line in [line for resolved in scenarios for line in replaced_links(resolved)]:
        _LOGGER.info(line)
    say(f"{scenario}: valid, {len(points)} points")


def _checked_study(file: Path, overrides: Sequence[str]) -> int:
    """Runs of a study, each of which was checked."""
    from linksim.studies.model import load_study
    from linksim.studies.run import check_study

    return check_study(load_study(file, overrides), file)


@app.command()
def schema() -> None:
    """Prints the JSON schema of scenario files, for editors."""
    from linksim.scenario.model import Scenario

    say(json.dumps(Scenario.model_json_schema(), indent=2))


@app.command("list")
def list_plugins() -> None:
    """Lists every registered source, estimator, compressor, quantiser, link, precoder, metric, and the scenarios."""
    from linksim.cli.listing import print_listing

    print_listing(Console())


@app.command()
def show(
    run: RunFolderArgument,
    metric: Annotated[str | None, typer.Option(help="metric to show instead of the usual three")] = None,
    percentiles: Annotated[
        bool, typer.Option("--percentiles", help="also the 5th, 50th and 95th percentile over the samples")
    ] = False,
) -> None:
    """Prints a run's results as tables."""
    from linksim.report.tables.terminal import show as show_table
    from linksim.storage.results_table import find_run

    show_table(find_run(run), Console(), metric, percentiles=percentiles)


app.command()(train)
app.command()(init)
app.command("show-channel")(show_channel)
app.command()(plot)
app.command("learning-curves")(learning_curves)
app.command()(complexity)
app.command()(export)
app.command()(deploy)
app.command("check-plugin")(check_plugin)
app.add_typer(zoo_app, name="zoo")
app.command("compare")(compare_runs)
app.command()(export_tables)
app.command()(reproduce)
app.command()(study)
app.command("context-tables")(context_tables)
app.command("context-enhancer")(context_enhancer)
app.add_typer(dataset_app, name="dataset")
dataset_app.command()(compare)
add_shared_options(app)


def _load(path: Path, overrides: list[str] | None, device: str | None) -> "Scenario":
    from linksim.scenario.file import load_scenario

    return load_scenario(path, [*(overrides or ()), *([f"device={device}"] if device else ())])


def main() -> None:
    """Entry point: bad input is one line on standard error and exit code 2."""
    from channels.errors import ChannelInputError
    from feedback.errors import FeedbackInputError

    prepare_streams()
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except (InputError, ChannelInputError, FeedbackInputError) as error:
        _stop(str(error), 2)
    except typer.TyperException as error:
        _stop(error.format_message(), error.exit_code)
    except OSError as error:
        _stop(f"{error.filename or 'output'}: {error.strerror or error}", 2)
    # What typer makes of Ctrl-C.
    if code == INTERRUPTED:
        say(STOPPED, file=sys.stderr)
    sys.exit(code or 0)


def _stop(message: str, code: int) -> NoReturn:
    _complain(message)
    sys.exit(code)


def _complain(message: str) -> None:
    say(f"linksim: {' '.join(message.split())}", file=sys.stderr)
