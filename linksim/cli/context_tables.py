"""``linksim context-tables``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from linksim.terminal import Console


def context_tables(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="document of sources to learn from (YAML)")],
    out: Annotated[Path, typer.Option(help="tables to write (safetensors), a JSON document beside them")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override path.to.key; may be given often")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="source to leave out; may be given often")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where channels are kept, so that they are made once")
    ] = None,
) -> None:
    """Trains the tables of the context codec on a mixture of channels, on one thread; the same seed gives the same."""
    from linksim.execution.executor import one_thread
    from linksim.preparation.context_tables import train_context_tables

    command = shlex.join(["linksim", *sys.argv[1:]])
    with one_thread():
        train_context_tables(file, overrides or [], out, command, Console(stderr=True).print, without or [], keep)
