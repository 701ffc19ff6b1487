"""Reference of the command line, made from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from linksim.cli.main import app

PAGE = "reference/commands.md"


def pages() -> dict[str, str]:
    """Markdown of the page by its path in the documentation."""
    lines = [
        "# Commands",
        "",
        "`linksim COMMAND`, or `python -m linksim COMMAND`. Bad input is one line and exit code 2.",
        "",
    ]
    for name, command in commands():
        lines += [f"## `linksim {name}`", "", " ".join((command.help or "").split()), "", *_table(command), ""]
    return {PAGE: "\n".join(lines)}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, by the words that call it."""
    yield from _commands_of(typer.main.get_command(app), "")


def _commands_of(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, part in inner.items():
        yield from _commands_of(part, f"{name} {word}".strip())


def _table(command: Any) -> list[str]:
    rows = [f"| {_form(part)} | {_meaning(part)} |" for part in command.params if part.name != "help"]
    return ["| argument, option | meaning |", "|---|---|", *rows] if rows else []


def _form(parameter: Any) -> str:
    """How a parameter is written: ``SCENARIO``, ``--set KEY=VALUE``."""
    word = parameter.opts[0]
    if not word.startswith("-"):
        return f"`{parameter.metavar or word.upper()}`"
    return f"`{word}`" if parameter.is_flag else f"`{word} {parameter.metavar or 'VALUE'}`"


def _meaning(parameter: Any) -> str:
    return " ".join((parameter.help or "").split()).replace("|", "\\|").replace("<", "&lt;")
