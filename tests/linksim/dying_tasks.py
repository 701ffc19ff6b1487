"""Tasks that kill their process; nothing is imported that takes long, as a new process imports this module."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any


def start(logs: object, environment: object) -> None:
    """In place of a worker's start."""


def run(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """In place of what runs a task in a worker."""
    return function(*task)


def length_of_name(marker: Path) -> int:
    """The first process that meets ``fatal`` dies of it."""
    if marker.name == "fatal" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return len(marker.name)


def die(code: int) -> None:
    os._exit(code)
