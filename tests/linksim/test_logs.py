"""One voice: what the packages log is shown by commands, in a terminal, as plain lines, in a file, or not at all."""

import gc
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import linksim
from linksim.cli.main import app
from linksim.errors import InputError
from linksim.execution import fork_server
from linksim.execution.executor import Processes
from linksim.logs import FILE_ONLY, LOGGERS, LogFileHandler, live_console, shown_logs
from tests.linksim import logging_tasks

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
LOGGER = logging.getLogger("linksim.test")


def commands(group: Any, name: str = "linksim") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_has_the_shared_options() -> None:
    assert {"linksim run", "linksim train", "linksim zoo eval", "linksim dataset build"} <= set(COMMANDS)
    for name, command in COMMANDS.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--quiet", "--log"} <= options, name


def test_a_library_configures_nothing(
    tiny: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    tiny["monte_carlo"] = {"samples": 4}
    with caplog.at_level("INFO", "linksim"):
        linksim.run(tiny | {"sweeps": {}}, workers=1, out=tmp_path)
    assert (root.level, list(root.handlers)) == before
    for name in LOGGERS:
        assert [type(handler) for handler in logging.getLogger(name).handlers] == [logging.NullHandler]
    # Nothing is printed, and whoever asks `logging` hears all.
    assert capsys.readouterr() == ("", "")
    assert "point 1 of 1: point " in caplog.text


def test_lines_are_shown_once_though_a_library_sets_up_logging(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    with shown_logs():
        handler = logging.StreamHandler()
        root.addHandler(handler)
        try:
            LOGGER.error("one line")
        finally:
            root.removeHandler(handler)
    assert capsys.readouterr().err.splitlines() == ["ERROR: one line"]
    assert all(logging.getLogger(name).propagate for name in LOGGERS)


def test_progress_from_python_where_it_is_wanted(
    tiny: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny["monte_carlo"] = {"samples": 4}
    linksim.run(tiny | {"sweeps": {}}, workers=1, out=tmp_path, quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert "point 1 of 1: point " in err


def test_progress_goes_to_standard_error_and_tables_to_standard_output(
    tiny: dict[str, Any], scenario_file: ScenarioFile, command: Command, tmp_path: Path, without_figures: None
) -> None:
    tiny["monte_carlo"] = {"samples": 4}
    arguments = ("run", scenario_file(tiny), "--out", tmp_path / "out", "--workers", "1", "--log", tmp_path / "run.log")
    code, out, err = command(*arguments)
    assert code == 0, err
    assert "End-to-end NMSE" in out
    assert "point 2 of 2: snr snr_db = 20\n" in err
    assert "point 2 of 2" not in out
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert all(re.match(f"{TIME} ", line) for line in lines)
    texts = [line.split(" ", 1)[1] for line in lines]
    assert texts[0].startswith("started: python -m linksim run ")
    assert texts[-1] == "finished"
    assert texts[1:-1] == err.splitlines()
    # Again, to the same file; nothing but the file hears of it.
    assert command(*arguments, "--quiet") == (0, "", "")
    more = (tmp_path / "run.log").read_text().splitlines()[len(lines) :]
    assert any(line.endswith("2 of 2 points were finished before") for line in more)


@pytest.mark.parametrize("arguments", [("validate", "cost2100_indoor"), ("zoo", "list", "--csv"), ("schema",)], ids=str)
def test_quiet_commands_print_nothing(arguments: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    assert command(*arguments, "--quiet", "--log", tmp_path / "x.log") == (0, "", "")
    assert (tmp_path / "x.log").read_text().endswith(" finished\n")


def test_what_stops_a_command_is_said_and_kept(command: Command, tmp_path: Path) -> None:
    options = ("--set", "sed=1", "--quiet", "--log", tmp_path / "x.log")
    code, out, err = command("run", "cost2100_indoor", *options)
    assert (code, out) == (2, "")
    assert "sed: unknown key" in err
    message = err.removeprefix("linksim: ")
    assert (tmp_path / "x.log").read_text().endswith(f" ERROR: stopped: {message}")


def test_a_log_that_cannot_be_written(tmp_path: Path, command: Command) -> None:
    for file in (tmp_path, tmp_path / "no/such/folder.log"):
        code, _, err = command("list", "--log", file)
        assert code == 2
        assert re.fullmatch(rf"linksim: --log: cannot write to {file} \(.*\), expected the name of a file\n", err)
    with pytest.raises(InputError, match="--log: cannot write"):
        LogFileHandler(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_log_is_told_once_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_logs(file=Path("/dev/full")):
        LOGGER.info("one")
        LOGGER.info("two")
    lines = capsys.readouterr().err.splitlines()
    assert sorted(lines) == ["WARNING: --log: cannot write to /dev/full any more", "one", "two"]


def test_control_characters_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with shown_logs(file=tmp_path / "x.log"):
        LOGGER.warning("\x1b[2J%s [bold]", "\x9b\u202e")
    text = "WARNING: \\x1b[2J\\x9b\\u202e [bold]\n"
    assert capsys.readouterr() == ("", text)
    assert (tmp_path / "x.log").read_text().endswith(f" {text}")


def test_a_live_display_is_on_the_terminal_that_lines_go_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_logs():
        assert live_console() is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with shown_logs(file=tmp_path / "x.log"):
        console = live_console()
        assert console is not None
        assert console.stderr
        LOGGER.info("in the display", extra=FILE_ONLY)
    with shown_logs(quiet=True):
        assert live_console() is None
    assert "in the display" not in capsys.readouterr().err
    assert "in the display" in (tmp_path / "x.log").read_text()


def test_workers_log_through_the_process_that_started_them_and_collect_garbage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "IMPORTED", ("linksim.execution.before_imports",))
    fork_server.start()
    monkeypatch.setenv("SET_AFTER_THE_SERVER_STARTED", "1")
    with shown_logs(file=tmp_path / "x.log"):
        processes = Processes(1)
        list(processes.run(logging_tasks.log, [("a",), ("b",)]))
        assert dict(processes.run(os.getenv, [("SET_AFTER_THE_SERVER_STARTED",)])) == {0: "1"}
        # The server they are forked from collects none.
        assert dict(processes.run(gc.isenabled, [()])) == {0: True}
        processes.close()
    expected = [line for name in "ab" for line in (f"WARNING: {name}: it is so", f"{name}: \\x1b[31mred")]
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in expected))
    assert [line.split(" ", 1)[1] for line in (tmp_path / "x.log").read_text().splitlines()] == expected
