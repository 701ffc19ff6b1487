"""What a training run leaves behind while it goes on: a CSV and a TensorBoard log of its validations."""

import json
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

LOG_FILE, _SURPASSED_FILE = "log.csv", "surpassed.json"
_LARGEST_DB = 1000.0
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
    rows = [Progress(int(samples), *values) for samples, *values in table.astype(float).itertuples(index=False)]
    for row in rows:
        if not (abs(row.validation_nmse_db) <= _LARGEST_DB and math.isfinite(row.spent) and math.isfinite(row.seconds)):
            raise ValueError(f"got a row of {row.samples} channels with {row.validation_nmse_db} dB")
    return rows


def read_log(folder: Path) -> list[Progress]:
    """The validations of a training run so far, the start first; none where it has no log.

    Raises:
        InputError: if the log is damaged.
    """
    file = folder / LOG_FILE
    try:
        return _rows(file)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{file}: {str(error).splitlines()[0][:200]}, expected the log of a training run, or no file"
        ) from None


def note_surpassed(folder: Path, samples: int) -> None:
    """Notes that a run ended after so many channels, and what the zoo had is better and stays."""
    write_whole(folder / _SURPASSED_FILE, json.dumps({"samples_seen": samples}) + "\n")


def surpassed_samples(folder: Path) -> int:
    """Channels of the last run that ended behind what the zoo had; 0 where there was none.

    Raises:
        InputError: if the note is damaged.
    """
    file = folder / _SURPASSED_FILE
    if not file.exists():
        return 0
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["samples_seen"])
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InputError(f'{file}: expected {{"samples_seen": N}}, as a training run notes it, or no file') from None
