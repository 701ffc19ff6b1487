"""A Dask scheduler and its workers, as processes on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """Started in a folder of their own, so that nothing works only because it is the current one."""
    file = folder / "scheduler.json"
    common = ("--no-dashboard",)
    processes = [_start(folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file, *common)]
    try:
        deadline = time.monotonic() + 300
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", folder, *common)
        processes += [_start(folder, "worker", address, *options) for _ in range(workers)]
        yield Cluster(address, processes[0], processes[1:])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _start(folder: Path, kind: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
