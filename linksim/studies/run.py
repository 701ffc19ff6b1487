"""Runs the scenarios of a study one after the other, and leaves its table, figures and Markdown."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from linksim.errors import InputError
from linksim.execution.options import ExecutionOptions
from linksim.files import write_whole
from linksim.preparation.dimension_check import check_points
from linksim.report.figures.generalisation import draw_losses, draw_study
from linksim.report.tables.generalisation import loss_tables, study_tables
from linksim.scenario.sweep import points_of
from linksim.simulation.engine import RunOptions, run
from linksim.storage.csv_text import csv_text
from linksim.studies.generalisation import StudyRun, gather, runs_of
from linksim.studies.model import AnyStudy, TableStudy
from linksim.studies.smoke import small_run, small_study, small_tables
from linksim.studies.table_generalisation import TablePlan, run_tables, table_losses, table_points

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyReport:
    """What a study left.

    Attributes:
        tables: in Markdown, of the first metric.
        files: the tidy table first.
    """

    tables: str
    files: list[Path]


def run_study(
    study: AnyStudy,
    file: Path,
    out: Path,
    execution: ExecutionOptions,
    command: str,
    *,
    train: bool = False,
    small: bool = False,
) -> StudyReport:
    """Runs a study, or the rest of it if some of it was run before.

    Args:
        study: what to run.
        file: where it is from, for messages.
        out: folder of all results; the study's are in ``<out>/<study name>``.
        execution: where tasks run.
        command: what the user typed, for manifests and weights.
        train: train networks whose weights are missing.
        small: a tiny study of the same path, with weights of its own.

    Raises:
        InputError: for a study, file or option that cannot be used.
        ChannelInputError: if a source's file cannot be read.
    """
    if isinstance(study, TableStudy):
        return _run_tables(small_tables(study) if small else study, file, out, execution, vector=not small)
    study = small_study(study) if small else study
    runs = runs_of(study, file)
    if small:
        runs = [small_run(part, str(out / study.name / "zoo")) for part in runs]
    check_runs(runs, file)
    options = RunOptions(train=train or small, command=command, execution=execution)
    folders = []
    for number, part in enumerate(runs, start=1):
        tested_on = next(iter(part.cells.values())).tested_on
        _LOGGER.info("run %d of %d: %d compressors on %s", number, len(runs), len(part.cells), tested_on)
        folders.append(run(part.scenario, out, options))
    table = gather(list(zip(runs, folders, strict=True)))
    folder = out / study.name
    table_file, text_file = folder / "generalization.csv", folder / "generalization.md"
    write_whole(table_file, csv_text(table))
    tables = [study_tables(table, str(metric)) for metric in table.metric.unique()]
    write_whole(text_file, "\n".join(tables))
    return StudyReport(tables[0], [table_file, text_file, *draw_study(table, folder / "figures", vector=not small)])


def check_study(study: AnyStudy, file: Path) -> int:
    """Checks every run of a study without running it.

    Args:
        study: as its file has it.
        file: where it is from, for messages.

    Returns:
        How many runs or tests it is of.

    Raises:
        InputError: one line names the file, and the key of the first run that cannot be.
        ChannelInputError: if a source's file cannot be read.
    """
    if isinstance(study, TableStudy):
        return len(study.sources)
    runs = runs_of(study, file)
    check_runs(runs, file)
    return len(runs)


def check_runs(runs: Sequence[StudyRun], file: Path) -> None:
    """Checks the scenarios of a study before the first of them is run; as ``check_study``."""
    try:
        for part in runs:
            check_points(points_of(part.scenario))
    except InputError as error:
        raise InputError.of([f"{file}: {line}" for line in error.lines]) from None


def _run_tables(study: TableStudy, file: Path, out: Path, execution: ExecutionOptions, *, vector: bool) -> StudyReport:
    """Tables of the context codec, trained on every source and on mixtures."""
    folder = out / study.name
    with execution.open_executor(torch.device("cpu")) as executor:
        cells = run_tables(TablePlan(study, file, folder), executor)
    losses, points = table_losses(cells), table_points(study, cells)
    files = {"losses.csv": csv_text(losses), "points.csv": csv_text(points), "losses.md": loss_tables(losses, points)}
    for name, text in files.items():
        write_whole(folder / name, text)
    figures = draw_losses(losses, folder / "figures", vector)
    return StudyReport(files["losses.md"], [*(folder / name for name in files), *figures])
