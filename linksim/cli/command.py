"""What every command has: ``--quiet`` and ``--log FILE``, and log lines that are shown while it runs."""

import contextlib
import functools
import inspect
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from linksim.logs import FILE_ONLY, shown_logs

Quiet = Annotated[bool, typer.Option("--quiet", help="print nothing but errors")]
LogFile = Annotated[Path | None, typer.Option("--log", metavar="FILE", help="append progress to a file, with times")]

_LOGGER = logging.getLogger(__name__)


def add_shared_options(app: typer.Typer) -> None:
    """Gives every command of an application, and of those inside it, the options that all commands share."""
    for registered in app.registered_commands:
        assert registered.callback is not None
        registered.callback = _with_logs(registered.callback)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        add_shared_options(group.typer_instance)


def command_line() -> str:
    """What the user typed, for manifests and weights."""
    command = shlex.join(["python", "-m", "linksim", *sys.argv[1:]])
    # Names of files need not be text.
    return command.encode("utf-8", "backslashreplace").decode()


def _with_logs(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def shown(*, quiet: bool, log: Path | None, **arguments: Any) -> Any:
        with _silence(quiet), shown_logs(quiet=quiet, file=log):
            return _recorded(command, arguments)

    # What Typer reads the options from; each with its annotation, as those of the command have taken their place.
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, default, annotation in (("quiet", False, Quiet), ("log", None, LogFile))
    ]
    signature = inspect.signature(command)
    shown.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *options])  # type: ignore[attr-defined]
    shown.__annotations__ = command.__annotations__ | {option.name: option.annotation for option in options}
    return shown


def _recorded(command: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Runs a command; its start and end go into the log file."""
    _LOGGER.info("started: %s", command_line(), extra=FILE_ONLY)
    try:
        found = command(**arguments)
    except typer.Exit:
        raise
    except BaseException as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        _LOGGER.error("stopped: %s", reason, extra=FILE_ONLY)
        raise
    _LOGGER.info("finished", extra=FILE_ONLY)
    return found


@contextlib.contextmanager
def _silence(quiet: bool) -> Iterator[None]:
    """Drops what a command prints on standard output, if it is to be quiet."""
    if not quiet:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
