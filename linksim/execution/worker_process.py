"""The start of a worker process, and its tasks."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from linksim.execution.worker_context import WorkerContext, run_in
from linksim.execution.worker_logs import LogSender

# Of this process, from its start to its end.
_context = WorkerContext()


def start_worker(logs: LogSender) -> None:
    """Prepares a worker process: one thread; it ignores SIGINT and exits when its parent dies.

    Args:
        logs: where its log lines go.
    """
    logs.install()
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    # Not `os.getppid`: the parent may have died while this process was starting.
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.pid,), daemon=True).start()


def run_in_worker(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """Runs a task with the context of this worker process."""
    return run_in(_context, function, task)


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
