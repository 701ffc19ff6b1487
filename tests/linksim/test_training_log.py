"""The log of a training run: what a killed run left is taken over, and what is damaged is said in one line."""

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from feedback.training.state import Progress
from linksim.errors import InputError
from linksim.preparation.training_log import LOG_FILE, TrainingLog, note_surpassed, read_log, surpassed_samples

FIRST, SECOND = (Progress(samples, 0.5, samples / 100, 0.25, -3.0, 1e-3, 2.0) for samples in (50, 100))


def test_a_run_goes_on_in_its_log(tmp_path: Path) -> None:
    with closing(TrainingLog(tmp_path, resumed=False)) as log:
        log.start(-1.0)
        log.add(FIRST)
        log.add(SECOND)
    # The state was kept before the second validation.
    with closing(TrainingLog(tmp_path, resumed=True)) as log:
        log.add(FIRST)
    start, *rest = read_log(tmp_path)
    assert math.isnan(start.train_loss)
    assert (start.samples, start.validation_nmse_db, rest) == (0, -1.0, [FIRST])


def test_a_run_that_ended_behind_the_zoo_is_noted(tmp_path: Path) -> None:
    assert surpassed_samples(tmp_path) == 0
    note_surpassed(tmp_path, 2000)
    assert surpassed_samples(tmp_path) == 2000
    for text in ("", "[]", "{}", '{"samples_seen": "many"}', '{"samples_seen": 1e999}'):
        (tmp_path / "surpassed.json").write_text(text)
        with pytest.raises(InputError, match=r"surpassed\.json: expected [^\n]+$"):
            surpassed_samples(tmp_path)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01", "whole", "word", "infinite", "huge", "nan"])
def test_a_damaged_log_is_one_line(text: str, tmp_path: Path) -> None:
    with closing(TrainingLog(tmp_path, resumed=False)) as log:
        log.start(-1.0)
    file = tmp_path / LOG_FILE
    written = file.read_text()
    damaged = {
        "whole": written + "1,2\n,,,,,,,,,\n",
        "word": written.replace("-1", "many"),
        "infinite": written.replace("\n0,", "\ninf,"),
        "huge": written.replace("-1,", "-1e308,"),
        "nan": written.replace("-1,", "nan,"),
    }.get(text, text)
    assert damaged != written
    file.write_text(damaged)
    with pytest.raises(InputError, match=r"log\.csv: [^\n]+, expected the log of a training run, or no file$"):
        TrainingLog(tmp_path, resumed=True)
    assert file.read_text() == damaged


def test_curves_of_several_trainings_in_one_figure(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        "linksim.report.figures.learning_curves.save", lambda figure, stem, vector: drawn.append(figure) or [stem]
    )
    folders = [tmp_path / "crnet-cr16-0123", tmp_path / "other"]
    for folder in folders:
        with closing(TrainingLog(folder, resumed=False)) as log:
            log.start(-1.0)
            log.add(FIRST)
            log.add(SECOND)
    options = ("--level", "published=-11.35", "--log-samples", "--out", tmp_path / "figure")
    # As a shell lists what lies beside the folders of trainings.
    figure = tmp_path / "learning_curves.pdf"
    figure.touch()
    code, _, err = command("learning-curves", folders[0], figure, f"mine={folders[1]}", *options)
    assert (code, err) == (0, "")
    (axes,) = drawn[0].axes
    curve, other, level = axes.lines
    assert [line.get_label() for line in axes.lines] == ["CRNet, 1/16", "mine", "published"]
    # The start has no place on a logarithmic axis.
    assert curve.get_xydata().tolist() == other.get_xydata().tolist() == [[50, -3], [100, -3]]
    assert list(level.get_ydata()) == [-11.35, -11.35]
    for wrong, message in (
        ((tmp_path / "none",), "log.csv: no such log, expected the folder of a training"),
        ((folders[0], folders[0]), "got the label 'CRNet, 1/16' twice, expected one for each training"),
        (
            (folders[0], "--level", "paper=-11", "--level", "paper=-12"),
            "--level: paper=-12: got the label 'paper' twice, expected one for each curve and level",
        ),
        ((f"mine={folders[0]}", "--level", "mine=-12"), "--level: mine=-12: got the label 'mine' twice"),
        ((folders[0], "--level", "-11"), "--level: got '-11', expected LABEL=DB, such as published=-11.35"),
    ):
        code, _, err = command("learning-curves", *wrong)
        assert code == 2
        assert message in err
        assert len(err.splitlines()) == 1
