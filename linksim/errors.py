"""The one exception that the engine raises for bad input from outside the program."""

from collections.abc import Sequence
from typing import Self


class InputError(ValueError):
    """A scenario, file or option that cannot be used; the message is one line: where, found, expected.

    Attributes:
        lines: a line for each problem, where one look found several; otherwise the message.
    """

    lines: tuple[str, ...]

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.lines = (message,)

    @classmethod
    def of(cls, lines: Sequence[str]) -> Self:
        """The error of several problems at once: its message is the first, and how many more there are."""
        error = cls(lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""))
        error.lines = tuple(lines)
        return error
