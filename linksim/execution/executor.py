"""Where tasks run: in this process, or in several on this machine.

``linksim.execution.dask_executor`` has the one that runs them on a cluster.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol
from weakref import WeakSet

import torch
from threadpoolctl import ThreadpoolController

from linksim.errors import InputError
from linksim.execution import fork_server
from linksim.execution.interruption import hold_interrupts
from linksim.execution.shared_arrays import SharedArrays
from linksim.execution.worker_context import WorkerContext, run_in
from linksim.execution.worker_logs import WorkerLogs
from linksim.execution.worker_process import run_in_worker, start_worker

# Deaths of workers, with nothing finished in between, after which a task is taken to be what kills them.
_MAX_DEATHS = 3


class Executor(Protocol):
    """Runs tasks and hands back each result with its task's number, in the order in which they finish.

    A task is a pure function of its arguments, so that it may run anywhere, and again after its worker died. Whoever
    takes the results may append tasks meanwhile.

    Attributes:
        local_workers: processes on this machine that run tasks at once, this one included if it is one of them.
    """

    local_workers: int

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """``function(*task)`` for every task.

        Raises:
            InputError: if tasks cannot be run, as their workers keep dying.
        """
        ...


class InProcess:
    """One task after the other, in this process."""

    local_workers = 1

    def __init__(self) -> None:
        self._context = WorkerContext()

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """As ``Executor.run``."""
        number = 0
        while number < len(tasks):
            yield number, run_in(self._context, function, tasks[number])
            number += 1


class Processes:
    """Worker processes, one thread each, so that digits do not depend on how many there are.

    When one dies, all are started anew, and what was not finished runs again.

    Args:
        workers: how many.
        device: what they compute on; they take the GPUs of this machine in turn.
    """

    def __init__(self, workers: int, device: torch.device | None = None) -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            # A worker that imports a script without a guard: its parent says so.
            sys.exit(1)
        self.local_workers = workers
        self._on_gpus = device is not None and device.type == "cuda"
        # Weakly, as what they hold is as large as a training set.
        self._open_files: WeakSet[SharedArrays] = WeakSet()
        self._pool = self._new_pool()

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """As ``Executor.run``."""
        with SharedArrays() as arrays:
            # Also where nobody asks for the rest of the results.
            self._open_files.add(arrays)
            yield from self._run(function, tasks, arrays)

    def _run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], arrays: SharedArrays
    ) -> Iterator[tuple[int, Any]]:
        finished: SimpleQueue[Future[Any]] = SimpleQueue()
        running: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}
        submitted = deaths = 0
        started = False

        def submit(number: int) -> None:
            task = arrays.shared(tasks[number])
            # Submitting may start processes.
            with hold_interrupts():
                try:
                    future = self._pool.submit(run_in_worker, function, task)
                except BrokenProcessPool:
                    self._restart()
                    future = self._pool.submit(run_in_worker, function, task)
            running[future] = (number, self._pool)
            future.add_done_callback(finished.put)

        while True:
            for number in range(submitted, len(tasks)):
                submit(number)
            submitted = len(tasks)
            if not running:
                return
            future = finished.get()
            number, pool = running.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                if not started and (script := _unguarded_script()):
                    raise InputError(
                        f'{script}: got no `if __name__ == "__main__":`, expected what starts a run below one, as '
                        "worker processes import the script"
                    ) from None
                if pool is self._pool:
                    deaths += 1
                    self._restart()
                if deaths >= _MAX_DEATHS:
                    raise InputError(
                        f"--workers: a worker process died {deaths} times, out of memory? What is finished is kept, "
                        "the same command continues"
                    ) from None
                submit(number)
                continue
            deaths, started = 0, True
            yield number, result

    def close(self) -> None:
        """Ends the processes when they have finished what they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for arrays in tuple(self._open_files):
            arrays.close()
        self._logs.close()
        fork_server.stop()

    def _restart(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._logs.abandon()
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        fork_server.start()
        context = fork_server.worker_context()
        self._logs = WorkerLogs(context)
        # A fork has the environment that the server was started in.
        arguments: tuple[Any, ...] = (self._logs.sender, dict(os.environ))
        if self._on_gpus:
            arguments = (*arguments, context.Value("i", 0))
        return ProcessPoolExecutor(self.local_workers, mp_context=context, initializer=start_worker, initargs=arguments)


def _unguarded_script() -> str | None:
    """The script that is run, if workers that import it would run it as well."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        return None
    try:
        source = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return None if "__name__" in source else str(file)


@contextmanager
def local_executor(workers: int, device: torch.device | None = None) -> Iterator[Executor]:
    """Executor with this many worker processes; 1 works in this process.

    Args:
        workers: how many.
        device: what tasks compute on, by default a CPU.
    """
    with one_thread():
        if workers == 1:
            yield InProcess()
            return
        processes = Processes(workers, device)
        try:
            yield processes
        finally:
            processes.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for PyTorch and NumPy in this process, whose last digits would depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _libraries(imported: int) -> ThreadpoolController:
    """Loaded libraries that have threads, looked for again once other modules are imported, as looking takes long."""
    return ThreadpoolController()


def default_workers(device: torch.device, per_gpu: int | None = None) -> int:
    """One worker a core; on GPUs one in all, or so many for each, but no more than there are cores."""
    cores = max(1, len(os.sched_getaffinity(0)))
    if device.type != "cuda":
        return cores
    return 1 if per_gpu is None else max(1, min(cores, per_gpu * torch.cuda.device_count()))
