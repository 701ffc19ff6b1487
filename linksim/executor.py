"""Where tasks run: in this process, or in several on this machine."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from linksim.worker import start_worker


class Executor(Protocol):
    """Runs tasks and hands back each result with its task's number, in the order in which they finish."""

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """``function(*task)`` for every task."""
        ...


class InProcess:
    """One task after the other, in this process."""

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """As ``Executor.run``."""
        for number, task in enumerate(tasks):
            yield number, function(*task)


class Processes:
    """Worker processes, one thread each, so that digits do not depend on how many there are."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """As ``Executor.run``."""
        numbers: dict[Future[Any], int] = {
            self._pool.submit(function, *task): number for number, task in enumerate(tasks)
        }
        for future in as_completed(list(numbers)):
            yield numbers.pop(future), future.result()


@contextmanager
def local_executor(workers: int) -> Iterator[Executor]:
    """Executor with this many worker processes; 1 works in this process.

    A GPU is shared by one process at a time, so a run on one takes one worker.
    """
    if workers == 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield InProcess()
        finally:
            torch.set_num_threads(threads)
        return
    # Spawned, not forked: a fork of a process that has used PyTorch's threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        yield Processes(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_workers(device: torch.device) -> int:
    """One worker a core, or one for a GPU."""
    return 1 if device.type == "cuda" else max(1, len(os.sched_getaffinity(0)))
