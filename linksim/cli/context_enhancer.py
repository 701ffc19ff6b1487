"""``linksim context-enhancer``."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.command import command_line
from linksim.cli.options import Overrides, SourcesFile, WithoutSources


def context_enhancer(
    file: SourcesFile,
    out: Annotated[Path, typer.Option(help="filters to write (safetensors), a JSON document beside them")],
    overrides: Overrides = None,
    without: WithoutSources = None,
) -> None:
    """Trains the filters that refine reports of the context codec at the BS, on one thread; goes on after a kill."""
    from linksim.execution.executor import one_thread
    from linksim.preparation.context_enhancer import train_context_enhancer

    with one_thread():
        train_context_enhancer(file, overrides or [], out, command_line(), without or [])
