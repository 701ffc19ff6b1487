"""``linksim list``: what is registered, one line each."""

from pathlib import Path
from typing import Any

from class_registry import ClassRegistry
from rich.console import Console
from rich.table import Table

from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.scenario import COMPRESSORS, DENOISERS, ESTIMATORS, LINKS, PRECODERS, PREDICTORS, QUANTISERS, SOURCES
from linksim.scenario_file import read_document

_KINDS: dict[str, ClassRegistry[Any]] = {
    "channel sources": SOURCES,
    "estimators": ESTIMATORS,
    "compressors": COMPRESSORS,
    "quantisers": QUANTISERS,
    "feedback links": LINKS,
    "denoisers": DENOISERS,
    "predictors": PREDICTORS,
    "precoders": PRECODERS,
    "metrics": METRICS,
}


def print_listing(console: Console, scenarios: Path) -> None:
    """Prints every plug-in, and the scenarios of a folder."""
    for kind, registry in _KINDS.items():
        names = [str(name) for name in registry.keys()]  # noqa: SIM118 - a registry is no mapping
        lines = {name: (registry.get_class(name).__doc__ or "").strip().splitlines()[0] for name in names}
        _print(console, kind, lines)
    _print(console, f"scenarios in {scenarios}/", {file.name: _summary(file) for file in scenarios.rglob("*.yaml")})


def _print(console: Console, title: str, lines: dict[str, str]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))
    table.add_column(no_wrap=True)
    for name, line in sorted(lines.items()):
        table.add_row(name, line)
    console.print(table)
    console.print()


def _summary(file: Path) -> str:
    try:
        description = str(read_document(file).get("description", ""))
    except InputError as error:
        return str(error)
    return next(iter(description.strip().splitlines()), "")
