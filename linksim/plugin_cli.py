"""``linksim check-plugin``: does a compressor of one's own obey the contract?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from feedback.contract_candidate import Candidate


def check_plugin(
    plugin: Annotated[str, typer.Argument(metavar="FILE.py:CLASS", help="Python file and class; the file is run")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="parameter of it; may be given often")
    ] = None,
) -> None:
    """Runs the contract test on a compressor in a Python file, one line a check; exit code 2 if one fails."""
    from feedback.contract import demand_of, failures
    from feedback.network_contract import checks_of

    candidate = _candidate(plugin, overrides or [])
    n_failed = 0
    for check, problem in failures(candidate, checks_of(candidate)):
        n_failed += problem is not None
        print(f"{'pass' if problem is None else 'FAIL'}  {demand_of(check)}" + (f": {problem}" if problem else ""))
    n_checks = len(checks_of(candidate))
    print(f"{plugin}: {n_checks - n_failed} of {n_checks} checks passed")
    if n_failed:
        raise typer.Exit(2)


def _candidate(plugin: str, overrides: list[str]) -> "Candidate":
    """The class with parameters that its own model has checked; ``compression_ratio`` among them is that of the fit."""
    from dataclasses import replace

    from pydantic import BaseModel

    from feedback.network_contract import candidate_of
    from feedback.plugin_file import PluginParameters, split_plugin
    from linksim.document import validated
    from linksim.scenario import CompressorSection
    from linksim.scenario_file import apply_override

    class Choice(BaseModel):
        compressors: tuple[CompressorSection, ...]

    file, class_name = split_plugin(plugin)
    section: dict[str, Any] = {"plugin": f"{Path.cwd() / file}:{class_name}"}
    for override in overrides:
        apply_override(section, override)

    def name(line: str) -> str:
        return f"{plugin}: {line.removeprefix('compressors.0').lstrip('.: ').removeprefix('plugin: ')}"

    (parameters,) = validated(Choice, {"compressors": [section]}, name).compressors
    assert isinstance(parameters, PluginParameters)
    given = parameters.own().model_dump(exclude={"compression_ratio"})
    candidate = candidate_of(parameters.load(), given)
    ratio = parameters.compression_ratio
    return candidate if ratio is None else replace(candidate, compression_ratio=ratio)
