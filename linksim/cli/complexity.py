"""``linksim complexity``: what a report costs at either side, without a run."""

from pathlib import Path
from typing import Annotated

import typer

from linksim.cli.options import Overrides, file_argument
from linksim.terminal import say


def complexity(
    scenario: Annotated[
        Path | None, file_argument("[SCENARIO]", "by default every compressor; otherwise those of a scenario file")
    ] = None,
    overrides: Overrides = None,
    csv: Annotated[bool, typer.Option("--csv", help="comma-separated values instead of a table")] = False,
) -> None:
    """Prints multiply-adds, parameters and bytes of a scenario's compressors, or of all of them at 32 x 32."""
    from linksim.errors import InputError
    from linksim.scenario.file import load_scenario
    from linksim.scenario.messages import named_problems
    from linksim.simulation.complexity import cost_text, registry_costs, scenario_costs
    from linksim.storage.csv_text import csv_text

    if scenario is None and overrides:
        raise InputError(f"--set: got {overrides[0]!r} without a scenario, expected a scenario to change")
    if scenario is None:
        costs = registry_costs()
    else:
        with named_problems(str(scenario)):
            costs = scenario_costs(load_scenario(scenario, overrides or ()))
    if csv:
        say(csv_text(costs, None), end="")
    else:
        say(cost_text(costs))
