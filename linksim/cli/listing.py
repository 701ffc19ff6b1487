"""``linksim list``: what is registered, one line each."""

from pathlib import Path

from rich.table import Table

from linksim.errors import InputError
from linksim.scenario.plugin_index import TITLES, plugin_index
from linksim.scenario.yaml_file import read_document
from linksim.shipped_files import SUFFIX, shipped_scenarios
from linksim.terminal import Console


def print_listing(console: Console) -> None:
    """Prints every plug-in, and the scenarios that ship."""
    for registry, lines in plugin_index().items():
        _print(console, TITLES[registry], lines)
    folder = shipped_scenarios()
    files = sorted(folder.rglob(f"*{SUFFIX}"))
    names = {file.relative_to(folder).with_suffix("").as_posix(): _summary(file) for file in files}
    _print(console, f"scenarios by name, in {folder}/", names)


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
