"""``linksim init``: a commented scenario to start from."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from linksim.terminal import say


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="file to write; a file that is there stays as it is")],
) -> None:
    """Writes a commented scenario, valid and short, to start a study from."""
    from linksim.scenario.starter import write_starter

    write_starter(file)
    say(f"{file}: a scenario; run it with: linksim run {shlex.quote(str(file))}")
