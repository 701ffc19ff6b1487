"""Options and arguments that several commands share: scenario, overrides, where tasks run."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def _shipped_by_name(named: Path | None, below: str) -> Path | None:
    from linksim.scenario.yaml_file import read_document
    from linksim.shipped_files import scenario_path

    if named is None:
        return None
    file = scenario_path(named, below)
    # What is no scenario at all is told before PyTorch is imported. A pipe can be read only once.
    if file.is_file() or not file.exists():
        read_document(file)
    return file


def file_argument(metavar: str, what: str, below: str = "") -> object:
    """An argument that is a YAML file, or the name of one that ships, as ``scenario_path`` finds it."""

    def found(named: Path | None) -> Path | None:
        return _shipped_by_name(named, below)

    help_text = f"{what} (YAML), or the name of one that ships (`linksim list`)"
    return typer.Argument(metavar=metavar, help=help_text, callback=found)


ScenarioFile = Annotated[Path, file_argument("SCENARIO", "scenario file")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override path.to.key; files count from here"),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda; overrides the scenario's")]
Workers = Annotated[int | None, typer.Option(min=1, help="worker processes; by default one a core")]
ExecutorName = Annotated[
    Literal["local", "dask"], typer.Option("--executor", help="processes on this machine, or a Dask cluster")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786; for --executor dask")
]
ResultsFolder = Annotated[Path, typer.Option("--out", help="folder of all results")]
TrainMissing = Annotated[bool, typer.Option("--train", help="train networks whose weights are missing")]
Budget = Annotated[
    str | None, typer.Option(help="of every network: 50epochs, 100000samples or 5min; overrides recipes")
]
SourcesFile = Annotated[Path, typer.Argument(metavar="FILE", help="document of sources to learn from (YAML)")]
WithoutSources = Annotated[
    list[str] | None, typer.Option("--without", metavar="LABEL", help="source to leave out; may be given often")
]
