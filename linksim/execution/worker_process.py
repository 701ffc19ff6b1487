"""The start of a worker process."""

import multiprocessing
import os
import signal
import threading
import time

import torch
from threadpoolctl import threadpool_limits


def start_worker() -> None:
    """Prepares a worker process: one thread; it ignores SIGINT and exits when its parent dies."""
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    # Not `os.getppid`: the parent may have died while this process was starting.
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.pid,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
