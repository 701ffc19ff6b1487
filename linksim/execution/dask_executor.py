"""Runs tasks on the workers of a Dask scheduler.

Workers see the files of a run under the same names as the process that started it: in a folder that all machines share.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from distributed import Client, Future, KilledWorker, as_completed
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError, connect
from threadpoolctl import threadpool_limits

from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.execution.executor import Executor, one_thread
from linksim.execution.worker_logs import current_level
from linksim.execution.worker_process import run_in_worker
from linksim.logs import LOGGERS

_LOGGER = logging.getLogger(__name__)

_CONNECT_S = 10

# A worker of several threads would otherwise run several tasks at once; sources and PyTorch's thread count are of the
# process.
_one_task = threading.Lock()


class DaskExecutor:
    """Tasks on the workers of a scheduler, named by their content; those of a worker that died run on another.

    Args:
        client: connected to the scheduler.
        resources: what a worker must have free for a task.
    """

    # Workers may be anywhere.
    local_workers = 1

    def __init__(self, client: Client, resources: dict[str, int]) -> None:
        self._client = client
        self._resources = resources
        self._directory = os.getcwd()

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """As ``Executor.run``.

        Raises:
            InputError: if the scheduler is gone, a task's workers keep dying, or a worker lacks a package or folder.
        """
        waiting = as_completed(loop=self._client.loop)
        numbers: dict[Any, list[int]] = {}
        submitted = 0
        while True:
            with self._clear_errors():
                for number in range(submitted, len(tasks)):
                    future = self._submit(function, tasks[number])
                    numbers.setdefault(future.key, []).append(number)
                    waiting.add(future)
                submitted = len(tasks)
                if not numbers:
                    return
                future = next(waiting)
            for number in numbers.pop(future.key, ()):
                with self._clear_errors():
                    result = future.result()
                yield number, result

    def _submit(self, function: Callable[..., Any], task: tuple[Any, ...]) -> "Future[Any]":
        key = f"{function.__name__}-{content_hash(task)}"
        return self._client.submit(
            run_task, function, task, self._directory, current_level(), key=key, resources=self._resources, pure=False
        )

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        kept = "what is finished is kept, the same command continues"
        try:
            yield
        except KilledWorker as error:
            raise InputError(
                f"--executor dask: {error.allowed_failures + 1} workers died at {error.task}, out of memory? {kept}"
            ) from None
        except ModuleNotFoundError as error:
            raise InputError(
                f"--executor dask: a worker has no package {error.name!r}, expected the packages of this process"
            ) from None
        except (FutureCancelledError, asyncio.CancelledError, CommClosedError):
            address = self._client.scheduler.address if self._client.scheduler else "the scheduler"
            raise InputError(f"--scheduler: lost the connection to {address}; {kept}") from None


def run_task(function: Callable[..., Any], task: tuple[Any, ...], directory: str, level: int) -> Any:
    """Runs a task in a worker: alone in its process, on one thread, with relative names meaning what they meant.

    Raises:
        InputError: if the worker does not see the folder in which the run was started.
    """
    with _one_task:
        torch.set_num_threads(1)
        threadpool_limits(1, user_api="blas")
        for name in LOGGERS:
            logging.getLogger(name).setLevel(level)
        try:
            os.chdir(directory)
        except OSError:
            raise InputError(
                f"--executor dask: no folder {directory} on {socket.gethostname()}, expected one that all see"
            ) from None
        return run_in_worker(function, task)


@contextmanager
def dask_executor(address: str, device: torch.device) -> Iterator[Executor]:
    """Executor on the workers of the scheduler at an address.

    Args:
        address: as ``dask scheduler`` prints it, ``tcp://host:8786``.
        device: what tasks compute on. On a GPU each takes one of the resource ``GPU``, of which a worker has 1
            (``dask worker --resources GPU=1``), so that a GPU has one task at a time.

    Raises:
        InputError: if there is no scheduler.
    """
    resources = {"GPU": 1} if device.type == "cuda" else {}
    _silence_library()
    _require_scheduler(address)
    with one_thread(), Client(address, timeout=_CONNECT_S, set_as_default=False) as client:
        for name in LOGGERS:
            client.forward_logging(name)
        _announce(client, address, resources)
        yield DaskExecutor(client, resources)


def _require_scheduler(address: str) -> None:
    """Refuses an address where no scheduler answers, which a client would only tell in several lines."""

    async def try_connection() -> None:
        communication = await connect(address, timeout=_CONNECT_S)
        await communication.close()

    try:
        asyncio.run(try_connection())
    except (OSError, ValueError, TimeoutError):
        raise InputError(
            f"--scheduler: got {address!r}, where no scheduler answers, expected the address that `dask scheduler` "
            "prints, such as tcp://host:8786"
        ) from None


def _announce(client: Client, address: str, resources: dict[str, int]) -> None:
    information = client.scheduler_info(n_workers=-1)
    workers = information["workers"].values()
    able = [worker for worker in workers if all(worker["resources"].get(name, 0) for name in resources)]
    port = information["services"].get("dashboard")
    dashboard = f", dashboard {client.dashboard_link}" if port else ""
    _LOGGER.info("Dask scheduler %s: %d workers%s", address, len(able), dashboard)
    if not able:
        wanted = " with --resources GPU=1" if resources else ""
        _LOGGER.info("waiting for a worker: dask worker %s --nthreads 1%s", address, wanted)


def _silence_library() -> None:
    """Turns off what Dask writes of its connections: what matters of them is told in one line."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL + 1)
