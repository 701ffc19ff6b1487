"""Ctrl-C, however often and whenever it comes; and scripts that workers import."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linksim.execution import interruption
from linksim.execution.executor import Processes, _unguarded_script
from linksim.execution.interruption import INTERRUPTED, hold_interrupts

# Ways in which a program can be at work when it is interrupted; nothing heavy is imported.
_PROGRAMS = {
    "busy": "while True: pass",
    "stubborn": """
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
""",
    "in a native call": "ctypes.CDLL(None).usleep(60_000_000)",
    "with a child": """
child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
with interruption.hold_interrupts():
    child.start()
try:
    child.join()
finally:
    child.join()
""",
}
_FRAME = """
import ctypes, multiprocessing, time
from linksim.execution import interruption
interruption.GRACE_S = interruption._WAY_OUT_S = 0.2
if __name__ == "__main__":
    interruption.watch_interrupts()
"""


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGTERM, 1)])
@pytest.mark.parametrize("program", _PROGRAMS)
def test_interrupts_end_a_program(program: str, number: signal.Signals, times: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    # As a command line does: what is raised goes through `leave`.
    body = "".join(f"        {line}\n" for line in ["print('ready', flush=True)", *_PROGRAMS[program].splitlines()])
    script.write_text(f"{_FRAME}    try:\n{body}    except KeyboardInterrupt:\n        interruption.leave()\n")
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(times):
        os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in err


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(interruption._State, "seen", False)
    before = signal.signal(signal.SIGINT, interruption._on_interrupt)
    yield
    signal.signal(signal.SIGINT, before)


def _to_this_thread() -> None:
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def _to_another_thread() -> None:
    # What Python does in the main thread then, at a moment that the system chooses.
    interruption._on_interrupt(signal.SIGINT, None)


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize("interrupt", [_to_this_thread, _to_another_thread])
def test_an_interrupt_waits_until_processes_are_started(interrupt: Callable[[], None]) -> None:
    reached = []

    def interrupted() -> None:
        with hold_interrupts():
            with hold_interrupts():
                interrupt()
                interrupt()
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == [True]


def test_scripts_without_a_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mine.py"
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert _unguarded_script() is None
    main.__file__ = str(script)
    assert _unguarded_script() is None
    script.write_text("run()\n")
    assert _unguarded_script() == str(script)
    script.write_text("if __name__ == '__main__':\n    run()\n")
    assert _unguarded_script() is None


def test_a_worker_that_imports_such_a_script_ends_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(SystemExit):
        Processes(2)
