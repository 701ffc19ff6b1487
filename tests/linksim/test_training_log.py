"""The log of a training run: what a killed run left is taken over, and what is damaged is said in one line."""

import math
from contextlib import closing
from pathlib import Path

import pytest

from feedback.training.state import Progress
from linksim.errors import InputError
from linksim.preparation.training_log import LOG_FILE, TrainingLog, finished_samples, read_log

FIRST, SECOND = (Progress(samples, 0.5, samples / 100, 0.25, -3.0, 1e-3, 2.0) for samples in (50, 100))


def test_a_run_goes_on_in_its_log(tmp_path: Path) -> None:
    with closing(TrainingLog(tmp_path, resumed=False)) as log:
        log.start(-1.0)
        log.add(FIRST)
        log.add(SECOND)
    assert finished_samples(tmp_path) == 100
    # The state was kept before the second validation.
    with closing(TrainingLog(tmp_path, resumed=True)) as log:
        log.add(FIRST)
    start, *rest = read_log(tmp_path)
    assert math.isnan(start.train_loss)
    assert (start.samples, start.validation_nmse_db, rest) == (0, -1.0, [FIRST])
    assert finished_samples(tmp_path) == 0


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01", "whole", "word"])
def test_a_damaged_log_is_one_line(text: str, tmp_path: Path) -> None:
    with closing(TrainingLog(tmp_path, resumed=False)) as log:
        log.start(-1.0)
    file = tmp_path / LOG_FILE
    written = file.read_text()
    damaged = {"whole": written + "1,2\n,,,,,,,,,\n", "word": written.replace("-1", "many")}.get(text, text)
    file.write_text(damaged)
    with pytest.raises(InputError, match=r"log\.csv: [^\n]+, expected the log of a training run, or no file$"):
        TrainingLog(tmp_path, resumed=True)
    assert file.read_text() == damaged
