"""``linksim export``: the UE encoder of a trained network as ONNX files."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.options import Overrides, ScenarioFile
from linksim.terminal import Console


def export(
    scenario: ScenarioFile,
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
    overrides: Overrides = None,
) -> None:
    """Writes the UE encoder of a trained network as ONNX, checked against PyTorch on the scenario's test channels."""
    from feedback.extras import require_extra
    from linksim.scenario.file import load_scenario
    from linksim.scenario.messages import named_problems

    require_extra("export", "export")
    from linksim.deployment.export import export as export_encoders
    from linksim.report.tables.exported_encoders import show

    with named_problems(str(scenario)):
        figures = export_encoders(load_scenario(scenario, overrides or ()), compressor, formats or (), out)
    show(figures, Console())
