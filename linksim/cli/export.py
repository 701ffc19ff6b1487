"""``linksim export``: the UE encoder of a trained network as ONNX files."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from linksim.terminal import Console

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def export(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="scenario file (YAML)")],
    compressor: Annotated[
        str | None, typer.Option(metavar="LABEL", help="which network; may be left out if the scenario has one only")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="float, int8, int8-static or packed; may be given often; by default all that the network can have",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder, or one file that ends in .onnx")] = Path("results/export"),
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override path.to.key; files count from here"),
    ] = None,
) -> None:
    """Writes the UE encoder of a trained network as ONNX, checked against PyTorch on the scenario's test channels."""
    from linksim.errors import InputError
    from linksim.scenario.file import load_scenario

    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise InputError(f"export: package {missing[0]} is not installed, expected it: pip install 'linksim[export]'")
    from linksim.deployment.export import export as export_encoders
    from linksim.report.tables.exported_encoders import show

    progress = Console(stderr=True)

    def notify(line: str) -> None:
        progress.print(line, style="dim", soft_wrap=True, highlight=False)

    figures = export_encoders(load_scenario(scenario, overrides or ()), compressor, formats or (), out, notify)
    show(figures, Console())
