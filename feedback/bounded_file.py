"""Reading files from outside: no more than they may hold, and one line of what is wrong with them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from feedback.errors import FeedbackInputError

Content = TypeVar("Content")


def read_bounded(path: Path, max_bytes: int, expected: str) -> bytes:
    """What a file holds.

    Args:
        path: the file.
        max_bytes: more than that is not read into memory.
        expected: what it should be, for messages.

    Raises:
        FeedbackInputError: if it cannot be read, or is larger than ``max_bytes``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise FeedbackInputError(f"{path}: {error.strerror}, expected {expected}") from error
    if len(content) > max_bytes:
        raise FeedbackInputError(f"{path}: got more than {max_bytes} bytes, expected {expected}")
    return content


def read_parsed(path: Path, max_bytes: int, expected: str, parse: Callable[[bytes], Content]) -> Content:
    """What a parser makes of a file.

    Args:
        path: the file.
        max_bytes: more than that is not read into memory.
        expected: what it should be, for messages.
        parse: from the file's bytes; its ``FeedbackInputError`` need not name the file.

    Raises:
        FeedbackInputError: that names the file, if it cannot be read, is too large, or is refused by the parser.
    """
    content = read_bounded(path, max_bytes, expected)
    try:
        return parse(content)
    except FeedbackInputError as error:
        raise FeedbackInputError(f"{path}: {error}") from error
