"""Where tasks run; changes no result."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from feedback.extras import require_extra
from linksim.errors import InputError
from linksim.execution import fork_server

if TYPE_CHECKING:
    import torch

    from linksim.execution.executor import Executor


@dataclass(frozen=True)
class ExecutionOptions:
    """Where tasks run.

    Attributes:
        workers: worker processes on this machine; ``None`` takes one a core, or as many as suit a GPU.
        executor: ``local`` for those, ``dask`` for the workers of a Dask scheduler.
        scheduler: the address of that scheduler.

    Raises:
        InputError: if the options contradict each other.
    """

    workers: int | None = None
    executor: Literal["local", "dask"] = "local"
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.executor == "dask" and self.scheduler is None:
            raise InputError("--scheduler: missing, expected the address of a Dask scheduler, such as tcp://host:8786")
        if self.executor == "local" and self.scheduler is not None:
            raise InputError(f"--scheduler: got {self.scheduler!r} with --executor local, expected --executor dask")
        if self.executor == "dask" and self.workers is not None:
            raise InputError(
                f"--workers: got {self.workers} with --executor dask, expected none: the scheduler's workers are used"
            )

    def begin(self, imported: Iterable[str]) -> None:
        """Lets worker processes import while this process still does; for programs of their own, before they compute.

        Args:
            imported: modules that tasks will need beside those that all need; what is no module is passed over.
        """
        if self.executor == "local" and (len(os.sched_getaffinity(0)) if self.workers is None else self.workers) > 1:
            fork_server.start(imported)

    @contextmanager
    def open_executor(self, device: "torch.device", per_gpu: int | None = None) -> "Iterator[Executor]":
        """The executor.

        Args:
            device: what tasks compute on.
            per_gpu: worker processes by default for each GPU of this machine; ``None`` takes one in all.

        Raises:
            InputError: if no scheduler answers.
        """
        # Options are made for `--help` and for a wrong key too, which need no PyTorch.
        from linksim.execution.executor import default_workers, local_executor

        if self.scheduler is None:
            with local_executor(self.workers or default_workers(device, per_gpu), device) as executor:
                yield executor
        else:
            require_extra("cluster", "--executor dask")
            # Importing Dask takes half a second, which only clusters need.
            from linksim.execution.dask_executor import dask_executor

            with dask_executor(self.scheduler, device) as executor:
                yield executor
