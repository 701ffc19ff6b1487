"""The process that workers are forked from: what all of them import is imported once, while this program still starts.

Importing PyTorch and Sionna takes seconds. The fork server (``multiprocessing.forkserver``) is a process of its own
that has imported them and started no thread, so that forks of it are safe, as those of this process would not be.
"""

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import BaseContext
from pathlib import Path

from linksim.execution.interruption import hold_interrupts

# What tasks of a run import; by name, as they lie above this room. The first sees to it that no other starts threads.
IMPORTED = (
    "linksim.execution.before_imports",
    "linksim.execution.worker_process",
    "linksim.simulation.worker",
    "linksim.preparation.quick_fit",
)
# Files of drivers of GPUs: libraries may talk to a GPU when they are imported, and what did cannot be forked.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def worker_context() -> BaseContext:
    """How workers are started: forked off the server, or spawned where that is not safe.

    Forks of this process are no way: one that has used PyTorch's threads can hang.
    """
    return get_context("forkserver" if _can_fork() else "spawn")


def start(also: Iterable[str] = ()) -> None:
    """Starts the server, if workers are forked here and none is running; returns at once.

    Args:
        also: modules that tasks will import beside ``IMPORTED``; what cannot be imported is left to them.
    """
    if not _can_fork() or _running() is not None:
        return
    forkserver.set_forkserver_preload([*IMPORTED, *also])
    # First, as starting it lets interrupts through.
    resource_tracker.ensure_running()
    # Ctrl-C is for this process; the server and its forks inherit that they get none.
    with hold_interrupts():
        forkserver.ensure_running()
    atexit.register(stop)


def stop() -> None:
    """Ends the server and frees its memory; workers that still run are not touched."""
    atexit.unregister(stop)
    server = _running()
    if server is not None:
        # Asked to end, it would first take all modules apart.
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)
        forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _can_fork() -> bool:
    return sys.platform == "linux" and not any(Path(file).exists() for file in _DRIVERS)


def _running() -> int | None:
    """The server's process number."""
    number: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    return number
