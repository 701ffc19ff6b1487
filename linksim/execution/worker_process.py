"""The start of a worker process, and its tasks."""

import gc
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from linksim.execution.interruption import exit_with_parent
from linksim.execution.kept_memory import keep_memory
from linksim.execution.shared_arrays import opened
from linksim.execution.worker_context import WorkerContext, run_in
from linksim.execution.worker_logs import LogSender

# Of this process, from its start to its end.
_context = WorkerContext()


def start_worker(logs: LogSender, environment: Mapping[str, str], started: "Synchronized[int] | None" = None) -> None:
    """Prepares a worker process: one thread; it ignores SIGINT and exits when its parent dies.

    Args:
        logs: where its log lines go.
        environment: variables of the process that started it.
        started: how many have started so far, where they share out the GPUs of this machine.
    """
    os.environ.clear()
    os.environ.update(environment)
    logs.install()
    keep_memory()
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is imported stays: searches for garbage need not look at it, nor copy what a fork shares.
    gc.freeze()
    gc.enable()
    threading.Thread(target=exit_with_parent, daemon=True).start()
    if started is not None:
        take_gpu(started)


def take_gpu(started: "Synchronized[int]") -> None:
    """Makes the next GPU in turn the one that this process means by ``cuda``."""
    with started.get_lock():
        number = started.value
        started.value += 1
    torch.cuda.set_device(number % torch.cuda.device_count())


def run_in_worker(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """Runs a task with the context of this worker process."""
    return run_in(_context, function, opened(task))
