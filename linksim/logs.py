"""Where log lines go: to a terminal, a batch job's standard error, a log file, or nowhere.

The packages log to ``linksim``, ``channels`` and ``feedback``, and configure nothing: who uses them from Python sees
what the program's own logging shows. The command line shows them for the length of a command.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from linksim.errors import InputError
from linksim.terminal import Console, shown

LOGGERS = ("linksim", "channels", "feedback")
# What a line is logged with (``extra``) that belongs into the log file alone, as the terminal shows the same otherwise.
FILE_ONLY = {"file_only": True}


class TerminalHandler(logging.Handler):
    """Lines on standard error: above a live display if there is one, and plain where there is no terminal."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.console = Console(stderr=True)
        self.addFilter(lambda record: not getattr(record, "file_only", False))

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one line, warnings in yellow."""
        style = "yellow" if record.levelno >= logging.WARNING else None
        try:
            self.console.print(_text(record), style=style, highlight=False, soft_wrap=True)
        except Exception:
            self.handleError(record)


class LogFileHandler(logging.FileHandler):
    """Lines with their times, appended to a file.

    Raises:
        InputError: if the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self._told = False
        try:
            super().__init__(file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise InputError(f"--log: cannot write to {file} ({error.strerror}), expected the name of a file") from None

    def format(self, record: logging.LogRecord) -> str:
        """Time and line; control characters are shown, not obeyed."""
        when = datetime.fromtimestamp(record.created).astimezone()
        return f"{when.isoformat(timespec='seconds')} {shown(_text(record))}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Says once that the file takes no more, such as on a full disk; the work goes on."""
        if not self._told:
            self._told = True
            logging.getLogger("linksim").warning("--log: cannot write to %s any more", self.baseFilename)

    def close(self) -> None:
        """Closes the file; what a full disk did not take has been told."""
        with suppress(OSError):
            super().close()


@contextmanager
def shown_logs(*, quiet: bool = False, file: Path | None = None) -> Iterator[None]:
    """Shows what the packages log until the end of the block.

    Args:
        quiet: whether standard error gets nothing but errors.
        file: gets every line too, quiet or not.

    Raises:
        InputError: if the file cannot be written.
    """
    handlers: list[logging.Handler] = [TerminalHandler(logging.ERROR if quiet else logging.INFO)]
    if file is not None:
        handlers.append(LogFileHandler(file))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR if quiet and file is None else logging.INFO)
        # The root's handler, which a library may set up as `logging.info` does by itself, would show them again.
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.propagate = propagate
            for handler in handlers:
                logger.removeHandler(handler)
        for handler in handlers:
            handler.close()


def live_console() -> Console | None:
    """The terminal that log lines are shown on, for a display that is redrawn; ``None`` where there is none."""
    for handler in logging.getLogger(LOGGERS[0]).handlers:
        if isinstance(handler, TerminalHandler) and handler.level <= logging.INFO and handler.console.is_terminal:
            return handler.console
    return None


def _text(record: logging.LogRecord) -> str:
    message = record.getMessage()
    return f"{record.levelname}: {message}" if record.levelno >= logging.WARNING else message
