"""What a training run leaves behind while it goes on: a CSV and a TensorBoard log of its validations."""

import math
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from feedback.training.state import Progress
from linksim.errors import InputError
from linksim.files import write_whole

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

LOG_FILE = "log.csv"
_SCALARS = ("train_loss", "validation_nmse_db", "learning_rate")


class TrainingLog:
    """``log.csv`` and TensorBoard events in one folder; a run that goes on after a kill goes on in the same files.

    Args:
        folder: of this training run; made if it is missing.
        resumed: whether rows that are there belong to the same run.

    Raises:
        InputError: if rows that belong to the same run cannot be read.
    """

    def __init__(self, folder: Path, resumed: bool) -> None:
        self.file = folder / LOG_FILE
        folder.mkdir(parents=True, exist_ok=True)
        self.rows = read_log(folder) if resumed else []
        if not resumed:
            for events in folder.glob("events.*"):
                events.unlink()
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def start(self, validation_nmse_db: float) -> None:
        """Adds the validation before the first step, which has no loss and no learning rate."""
        self.rows = [Progress(0, 0.0, 0.0, math.nan, validation_nmse_db, math.nan, 0.0)]
        self._write()

    def add(self, progress: Progress) -> None:
        """Adds a validation, in place of any that the killed run had made after its last kept state."""
        self.rows = [row for row in self.rows if row.samples < progress.samples] + [progress]
        self._write()
        if self._writer is None:
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=progress.samples)
        for name in _SCALARS:
            self._writer.add_scalar(name, getattr(progress, name), progress.samples)
        self._writer.flush()

    def _write(self) -> None:
        table = pd.DataFrame(self.rows)
        write_whole(self.file, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))

    def close(self) -> None:
        """Closes the event file."""
        if self._writer is not None:
            self._writer.close()


def _rows(file: Path) -> list[Progress]:
    if not file.exists():
        return []
    names = [field.name for field in fields(Progress)]
    table = pd.read_csv(file)
    if list(table) != names:
        raise ValueError(f"got columns {list(table)}")
    return [Progress(int(samples), *values) for samples, *values in table.astype(float).itertuples(index=False)]


def read_log(folder: Path) -> list[Progress]:
    """The validations of a training run so far, the start first; none where it has no log.

    Raises:
        InputError: if the log is damaged.
    """
    file = folder / LOG_FILE
    try:
        return _rows(file)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{file}: {str(error).splitlines()[0][:200]}, expected the log of a training run, or no file"
        ) from None


def finished_samples(folder: Path) -> int:
    """Channels that a finished training run has seen; 0 for one that goes on, or has no log."""
    rows = read_log(folder)
    return rows[-1].samples if rows and rows[-1].spent >= 1 else 0
