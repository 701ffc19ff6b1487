"""Options of every command that runs tasks: where they run, and where progress goes. They change no result."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Workers = Annotated[int | None, typer.Option(min=1, help="worker processes; by default one a core")]
ExecutorName = Annotated[
    Literal["local", "dask"], typer.Option("--executor", help="processes on this machine, or a Dask cluster")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786; for --executor dask")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="print nothing but errors")]
LogFile = Annotated[Path | None, typer.Option("--log", metavar="FILE", help="append progress to a file, with times")]
