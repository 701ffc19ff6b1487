"""An error out of a user's own file, in one line: where it happened there, and what it is."""

import traceback
from pathlib import Path


def user_line(error: BaseException, folder: Path) -> str:
    """``FILE, line N`` of the last line in a folder that an error passed through; empty if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(folder.resolve())]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else ""


def one_line(error: BaseException) -> str:
    """Kind and message of an error."""
    return " ".join(f"{type(error).__name__}: {error}".split())
