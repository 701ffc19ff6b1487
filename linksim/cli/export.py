"""``linksim export``: the UE encoder of a trained network as ONNX files, or of the context codec in C."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.options import Overrides, ScenarioFile
from linksim.terminal import Console


def export(
    scenario: ScenarioFile,
    compressor: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="which network or context codec; may be left out if there is one only"),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="of a network: float, int8, int8-static or packed, may be given often, by default all it can have; "
            "of the context codec: c",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder, or one file that ends in .onnx")] = Path("results/export"),
    overrides: Overrides = None,
) -> None:
    """Writes the UE encoder of a trained network as ONNX, or of the context codec in C, checked on test channels."""
    from linksim.deployment.encoder_choice import chosen_encoder, is_context_codec
    from linksim.scenario.file import load_scenario
    from linksim.scenario.messages import named_problems

    with named_problems(str(scenario)):
        loaded = load_scenario(scenario, overrides or ())
        section = chosen_encoder(loaded, compressor)
        if is_context_codec(section):
            from linksim.deployment.context_export import export_context
            from linksim.report.tables.exported_context import show_context

            show_context(export_context(loaded, section, formats or (), out), Console())
            return
    from feedback.extras import require_extra

    require_extra("export", "export")
    from linksim.deployment.export import export as export_encoders
    from linksim.report.tables.exported_encoders import show

    with named_problems(str(scenario)):
        figures = export_encoders(loaded, section, formats or (), out)
    show(figures, Console())
