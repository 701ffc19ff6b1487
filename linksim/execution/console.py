"""Where a run's progress goes: a terminal, the output of a batch job, a log file, or nowhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from linksim.errors import InputError
from linksim.terminal import Console, shown


class RunConsole(Console):
    """A console whose lines also go to a log file, each with the time.

    Progress goes to a terminal's standard error; in a batch job it belongs to the output, not to the errors.

    Args:
        quiet: whether to print nothing.
        log: file that lines are appended to.

    Raises:
        InputError: if the log file cannot be written.
    """

    def __init__(self, *, quiet: bool = False, log: Path | None = None) -> None:
        super().__init__(stderr=sys.stderr.isatty(), quiet=quiet)
        self._log_file = log
        self.write_log("started")

    @property
    def is_live(self) -> bool:
        """Whether a display can be drawn and redrawn."""
        return self.is_terminal and not self.quiet

    def print(self, *objects: Any, **options: Any) -> None:
        """As ``Console.print``; text also goes to the log file."""
        super().print(*objects, **options)
        for line in objects:
            if isinstance(line, str):
                self.write_log(line)

    @contextmanager
    def logged_errors(self) -> Iterator[None]:
        """Writes to the log file what ends the program, on its way out."""
        try:
            yield
        except BaseException as error:
            self.write_log(f"stopped: {' '.join(str(error).split()) or type(error).__name__}")
            raise

    def write_log(self, line: str) -> None:
        """Appends a line to the log file, if there is one, and to nothing else."""
        if self._log_file is None:
            return
        try:
            with self._log_file.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {shown(line)}\n")
        except OSError as error:
            raise InputError(
                f"--log: cannot write to {self._log_file} ({error.strerror}), expected the name of a file"
            ) from None
