"""Command line: ``linksim dataset build``, ``info``, ``verify``, ``export``."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from linksim.cli.options import Workers
from linksim.errors import InputError
from linksim.terminal import Console, say

if TYPE_CHECKING:
    from channels.dataset.manifest import DatasetManifest
    from channels.source import SourceParameters, Split

dataset_app = typer.Typer(help="Data sets of truncated angular-delay matrices, with provenance.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="data set (HDF5)")]


@dataset_app.command()
def build(
    source: Annotated[str, typer.Option(help="channel source, see `linksim list`")],
    samples: Annotated[int, typer.Option(min=1, help="samples of all splits together")],
    out: Annotated[Path, typer.Option(help="file to write")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="parameter of the source; may be given often")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="seed")] = 1,
    n_delay: Annotated[int, typer.Option(min=1, help="delay rows Na kept")] = 32,
    splits: Annotated[str, typer.Option(help="train:validation:test proportions")] = "100,30,20",
    hf_all: Annotated[
        bool | None,
        typer.Option("--hf-all/--no-hf-all", help="public HF_all reference of the test split; by default for cost2100"),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="device; each kind draws channels of its own")
    ] = "cpu",
    workers: Workers = None,
    batch_size: Annotated[int, typer.Option(min=1, help="samples per task; changes no digit")] = 250,
    force: Annotated[bool, typer.Option("--force", help="build anew, replace the file")] = False,
) -> None:
    """Builds a data set; the same command continues a build that was stopped, and gives the same file.

    The splits have random streams of their own, seeded apart, so that no channel is in two of them.
    """
    from linksim.datasets.build import BuildRequest
    from linksim.datasets.build import build as build_dataset
    from linksim.scenario.sources import device_named

    request = BuildRequest(
        parameters=_parameters(source, overrides or []),
        seed=seed,
        samples=_split_sizes(samples, splits),
        n_delay=n_delay,
        hf_all=source == "cost2100" if hf_all is None else hf_all,
        device=device_named(device),
    )
    manifest = build_dataset(request, out, workers=workers, batch_size=batch_size, force=force)
    say(f"{out}: {samples} samples, content hash {manifest.content_hash}")


@dataset_app.command()
def info(file: File) -> None:
    """Shows what a data set was made from and what it holds."""
    from channels.dataset.file import DatasetFile

    # Where there is no terminal, lines are as long as a hash needs.
    _print_table(DatasetFile(file).manifest, file, Console(width=None if sys.stdout.isatty() else 120))


@dataset_app.command()
def verify(file: File) -> None:
    """Checks layout, manifest, numbers and hashes of a data set."""
    from channels.dataset.file import verify as verify_dataset

    say(f"{file}: valid, content hash {verify_dataset(file).content_hash}")


@dataset_app.command()
def export(
    file: File,
    out: Annotated[Path, typer.Option(help="folder to write to")],
    layout: Annotated[Literal["csinet-mat"], typer.Option("--format", help="layout of the files")] = "csinet-mat",
    mat_version: Annotated[
        Literal["5", "7.3"], typer.Option(help="MATLAB version; 7.3 is streamed, for large data sets")
    ] = "5",
    force: Annotated[bool, typer.Option("--force", help="replace files that exist")] = False,
) -> None:
    """Writes a data set as the public CsiNet files are laid out."""
    from channels.dataset.csinet_export import export_csinet
    from channels.dataset.file import DatasetFile
    from channels.dataset.file import verify as verify_dataset

    manifest = verify_dataset(file)
    rows, columns = manifest.n_delay, manifest.array.n_ports
    if (rows, columns) != (32, 32):
        say(f"{file}: images are 2 x {columns} x {rows} (angles x delays), not 2 x 32 x 32 as in CsiNet")
    for written in export_csinet(DatasetFile(file), out, mat_version, overwrite=force):
        say(str(written))


def _parameters(source: str, overrides: list[str]) -> "SourceParameters":
    """Parameters of a source from ``KEY=VALUE`` settings, values in YAML."""
    from pydantic import BaseModel

    from channels.source import SOURCES
    from linksim.scenario.document import validated
    from linksim.scenario.file import apply_override
    from linksim.scenario.plugin_sections import ChannelSection

    class Choice(BaseModel):
        channel: ChannelSection

    if source not in SOURCES:
        names = ", ".join(sorted(map(str, SOURCES.keys())))
        raise InputError(f"--source: got {source!r}, expected one of {names}")
    section: dict[str, Any] = {"source": source}
    for override in overrides:
        apply_override(section, override)
    if section["source"] != source:
        raise InputError(f"--set source: got {section['source']!r}, expected --source")

    def name(line: str) -> str:
        return f"--set: {line.removeprefix('channel').lstrip('.: ')}"

    return validated(Choice, {"channel": section}, name).channel


def _split_sizes(samples: int, splits: str) -> "dict[Split, int]":
    """Samples of each split in the given proportions, by largest remainder."""
    try:
        shares = [float(share) for share in splits.split(",")]
    except ValueError:
        shares = []
    if len(shares) != 3 or not all(share >= 0 and math.isfinite(share) for share in shares) or sum(shares) == 0:
        raise InputError(f"--splits: got {splits!r}, expected train,validation,test proportions such as 100,30,20")
    exact = [samples * share / sum(shares) for share in shares]
    counts = [math.floor(count) for count in exact]
    by_remainder = sorted(range(3), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: samples - sum(counts)]:
        counts[index] += 1
    return {"train": counts[0], "validation": counts[1], "test": counts[2]}


def _print_table(manifest: "DatasetManifest", file: Path, console: Console) -> None:
    from rich.table import Table

    grid, array = manifest.grid, manifest.array
    ports = " x ".join(map(str, (array.n_rx, array.n_polarizations, array.n_rows, array.n_columns)))
    rows = {
        "source": manifest.source,
        **{f"  {name}": str(value) for name, value in manifest.parameters.items() if name != "source"},
        **{f"  SHA-256 of {name}": value for name, value in manifest.inputs.items()},
        "seed": str(manifest.seed),
        "device": manifest.device,
        "subcarriers": f"{grid.n_subcarriers} over {grid.bandwidth_hz / 1e6:g} MHz at {grid.carrier_hz / 1e9:g} GHz",
        "array": f"{ports} ports (UE antennas x polarisations x rows x columns)",
        **{
            name: f"{' x '.join(map(str, shape))}, SHA-256 {manifest.sha256.get(name, 'missing')[:12]}"
            for name, shape in manifest.shapes.items()
        },
        "content hash": manifest.content_hash,
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "command": manifest.command,
    }
    table = Table(title=str(file), title_justify="left", title_style="bold", show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows.items():
        table.add_row(*row)
    console.print(table, highlight=False, markup=False)
