"""``linksim complexity``: what a report costs at either side, without a run."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.terminal import say


def complexity(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="[SCENARIO]", help="scenario file (YAML); by default every compressor")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override path.to.key; files count from here"),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="comma-separated values instead of a table")] = False,
) -> None:
    """Prints multiply-adds, parameters and bytes of a scenario's compressors, or of all of them at 32 x 32."""
    from linksim.errors import InputError
    from linksim.scenario.file import load_scenario
    from linksim.simulation.complexity import cost_text, registry_costs, scenario_costs
    from linksim.storage.csv_text import csv_text

    if scenario is None and overrides:
        raise InputError(f"--set: got {overrides[0]!r} without a scenario, expected a scenario to change")
    costs = registry_costs() if scenario is None else scenario_costs(load_scenario(scenario, overrides or ()))
    if csv:
        say(csv_text(costs, None), end="")
    else:
        say(cost_text(costs))
