"""``linksim context-enhancer``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from linksim.terminal import Console


def context_enhancer(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="document of sources to learn from (YAML)")],
    out: Annotated[Path, typer.Option(help="filters to write (safetensors), a JSON document beside them")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override path.to.key; may be given often")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="source to leave out; may be given often")
    ] = None,
) -> None:
    """Trains the filters that refine reports of the context codec at the BS, on one thread; goes on after a kill."""
    from linksim.execution.executor import one_thread
    from linksim.preparation.context_enhancer import train_context_enhancer

    command = shlex.join(["linksim", *sys.argv[1:]])
    with one_thread():
        train_context_enhancer(file, overrides or [], out, command, Console(stderr=True).print, without or [])
