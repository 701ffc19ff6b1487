"""``linksim context-tables``."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import Overrides, SourcesFile, WithoutSources


def context_tables(
    file: SourcesFile,
    out: Annotated[Path, typer.Option(help="tables to write (safetensors), a JSON document beside them")],
    overrides: Overrides = None,
    without: WithoutSources = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where channels are kept, so that they are made once")
    ] = None,
) -> None:
    """Trains the tables of the context codec on a mixture of channels, on one thread; the same seed gives the same."""
    from linksim.execution.executor import one_thread
    from linksim.preparation.context_tables import train_context_tables

    with one_thread():
        train_context_tables(file, overrides or [], out, command_line(), without or [], keep)
