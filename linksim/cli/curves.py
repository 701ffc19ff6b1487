"""``linksim learning-curves``: several trainings in one figure."""

import math
from pathlib import Path
from typing import Annotated

import typer

from linksim.errors import InputError
from linksim.terminal import say

_FIGURES = (".png", ".pdf")


def learning_curves(
    trainings: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]FOLDER...", help="folder of a training's log.csv, such as results/training/NAME/NETWORK"
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="STEM", help="STEM.png and STEM.pdf are written")] = Path(
        "learning_curves"
    ),
    level: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=DB", help="NMSE to draw across, such as published=-11.35; may be given often"),
    ] = None,
    log_samples: Annotated[bool, typer.Option("--log-samples", help="logarithmic axis of channels seen")] = False,
) -> None:
    """Draws learning curves of several trainings, whatever scenario they are of, in one figure."""
    from linksim.preparation.training_log import LOG_FILE, read_log
    from linksim.report.figures.learning_curves import write_curves_together

    if out.suffix in (".png", ".pdf"):
        out = out.with_suffix("")
    if (folder := next((above for above in out.parents if above.exists()), None)) is not None and not folder.is_dir():
        raise InputError(f"--out: got {out}, expected a name in a folder: {folder} is a file")
    curves = {}
    for text in trainings:
        label, folder = _labelled(text)
        if folder.suffix in _FIGURES and folder.is_file():
            # Lie beside the folders of trainings, and come with these where a shell lists them all.
            continue
        if label in curves:
            raise InputError(f"{text}: got the label {label!r} twice, expected one for each training")
        if not (rows := read_log(folder)):
            raise InputError(f"{folder / LOG_FILE}: no such log, expected the folder of a training")
        if log_samples and not any(row.samples for row in rows):
            raise InputError(f"{folder / LOG_FILE}: got the start only, expected a validation after it")
        curves[label] = rows
    levels: dict[str, float] = {}
    for text in level or ():
        label, value = _level(text)
        if label in levels or label in curves:
            raise InputError(f"--level: {text}: got the label {label!r} twice, expected one for each curve and level")
        levels[label] = value
    files = write_curves_together(out, curves, levels, log_samples=log_samples)
    say(f"learning curves: {files[0]}")


def _labelled(text: str) -> tuple[str, Path]:
    """Label and folder; of a folder alone, network and ratio as its name says them."""
    from linksim.report.figures.learning_curves import title_of

    label, equals, folder = text.partition("=")
    return (label, Path(folder)) if equals and label and folder else (title_of(Path(text)), Path(text))


def _level(text: str) -> tuple[str, float]:
    label, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not label or not math.isfinite(number):
        raise InputError(f"--level: got {text!r}, expected LABEL=DB, such as published=-11.35")
    return label, number
