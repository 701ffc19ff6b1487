"""An error out of a user's own file, in one line: where it happened there, and what it is."""

import sysconfig
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path


def user_line(error: BaseException, folder: Path) -> str:
    """``FILE, line N`` of the last line in a folder that an error passed through; empty if there is none."""
    return _last_line(error, lambda file: Path(file).resolve().is_relative_to(folder.resolve()))


def line_of_a_user(error: BaseException) -> str:
    """``FILE, line N`` of the last line of a user's own code that an error passed through; empty if there is none.

    That is code which neither linksim has nor anything that is installed.
    """
    return _last_line(error, _is_of_a_user)


def _last_line(error: BaseException, is_own: Callable[[str], bool]) -> str:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else ""


@cache
def _is_of_a_user(file: str) -> bool:
    path, packages = Path(file), Path(__file__).resolve().parents[1]
    others = [packages / name for name in ("channels", "feedback", "linksim")]
    others += [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")]
    return path.is_file() and not any(path.resolve().is_relative_to(other) for other in others)


def one_line(error: BaseException) -> str:
    """Kind and message of an error."""
    return " ".join(f"{type(error).__name__}: {error}".split())
