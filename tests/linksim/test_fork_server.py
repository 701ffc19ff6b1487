"""Workers are forked off a server that has imported what they need, and end with the process that started them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linksim.execution import fork_server

_PROGRAM = """
import time
from linksim.execution.interruption import exit_with_parent
from linksim.execution import fork_server
fork_server.IMPORTED = ()
if __name__ == "__main__":
    fork_server.start()
    context = fork_server.worker_context()
    worker = context.Process(target=exit_with_parent)
    worker.start()
    print(worker.pid, fork_server._running(), flush=True)
    time.sleep(60)
"""


def _blocks_interrupts(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(mask, 16) & 1 << (signal.SIGINT - 1))


def _is_alive(process: int) -> bool:
    try:
        # A zombie has no memory left.
        return Path(f"/proc/{process}/statm").read_text().split()[0] != "0"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not fork_server._can_fork(), reason="workers are spawned here")
def test_server_and_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_PROGRAM)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = [int(number) for number in process.stdout.readline().split()]
    assert len(started) == 2
    assert all(map(_is_alive, started))
    # Ctrl-C, which a terminal sends to all of them, is for the process that started them.
    assert all(map(_blocks_interrupts, started))
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while any(map(_is_alive, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_is_alive, started))


def test_where_a_gpu_has_a_driver_workers_are_spawned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    driver.touch()
    monkeypatch.setattr(fork_server, "_DRIVERS", (str(driver),))
    fork_server.start()
    assert fork_server._running() is None
    assert fork_server.worker_context().get_start_method() == "spawn"
