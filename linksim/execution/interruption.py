"""Ctrl-C: the first one stops the program, further ones change nothing, and in any case it is over within seconds.

SIGTERM, by which schedulers stop what they run, is the same.

What is computed is kept shard by shard as it is finished, so that stopping loses no more than the shards under way.
"""

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})
STOPPED = "linksim: stopped; the same command continues with what is not finished"

# Time for shards under way to end by themselves, and then for the program without its workers, in s.
GRACE_S, _WAY_OUT_S = 2.0, 1.0


class _State:
    """What has become of Ctrl-C so far; of the main thread alone."""

    seen = False
    held = 0
    waiting = False


def watch_interrupts() -> None:
    """From here on Ctrl-C raises ``KeyboardInterrupt`` once, and ends the process if that has not within seconds.

    So does SIGTERM, which would leave temporary files where it ends a process itself.

    Of the main thread of a program of its own, before it imports what takes long.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in _STOPPING:
        signal.signal(number, _on_interrupt)
    # Also reaches the watcher while the main thread is in a long matrix product and runs no handlers.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


@contextlib.contextmanager
def hold_interrupts() -> Iterator[None]:
    """Postpones Ctrl-C until the end of the block; processes that start in it never get any."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if _State.waiting and not _State.held:
            _State.waiting = False
            raise KeyboardInterrupt


def leave(code: int = INTERRUPTED) -> NoReturn:
    """Ends the process without the time that taking all modules apart would cost, after Ctrl-C seconds."""
    # Temporary files, semaphores.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def exit_with_parent() -> None:
    """In a worker process: waits for the end of the process that asked for it, and ends this one."""
    # Not `os.getppid`: a worker may be a child of the fork server.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if _State.seen:
        return
    _State.seen = True
    if _State.held:
        _State.waiting = True
    else:
        raise KeyboardInterrupt


def _watch(reading: int) -> None:
    while not _STOPPING.intersection(os.read(reading, 1)):
        pass
    time.sleep(GRACE_S)
    for child in multiprocessing.active_children():
        child.kill()
    time.sleep(_WAY_OUT_S)
    # A live display may have hidden the cursor.
    shown = "\x1b[?25h" if sys.stderr.isatty() else ""
    os.write(sys.stderr.fileno(), f"{shown}{STOPPED}\n".encode())
    os._exit(INTERRUPTED)
