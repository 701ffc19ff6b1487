"""``linksim check-plugin``: does a compressor of one's own obey the contract?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linksim.terminal import say

if TYPE_CHECKING:
    from feedback.conformance.candidate import Candidate


def check_plugin(
    plugin: Annotated[str, typer.Argument(metavar="FILE.py:CLASS", help="Python file and class; the file is run")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="parameter of it; may be given often")
    ] = None,
) -> None:
    """Runs the contract test on a compressor in a Python file, one line a check; exit code 2 if one fails."""
    from feedback.conformance.compressor import check_shapes_and_dtypes, demand_of, failures
    from feedback.conformance.network import checks_of
    from feedback.conformance.plugin_check import check_plugin_shapes
    from feedback.errors import FeedbackInputError
    from feedback.plugin_file import split_plugin
    from feedback.user_error import one_line, user_line

    candidate = _candidate(plugin, overrides or [])
    n_checks = len(checks_of(candidate))
    try:
        check_plugin_shapes(candidate.build(), plugin)
    except Exception as error:
        file = split_plugin(plugin)[0]
        place = "" if isinstance(error, FeedbackInputError) else f"{user_line(error, file.parent) or file}: "
        reason = str(error) if isinstance(error, FeedbackInputError) else one_line(error)
        say(f"FAIL  {demand_of(check_shapes_and_dtypes)}: {place}{reason.removeprefix('plugin: ')}")
        say(f"{plugin}: the other {n_checks - 1} checks need that first")
        raise typer.Exit(2) from None
    n_failed, said = 0, set()
    for check, problem in failures(candidate, checks_of(candidate)):
        n_failed += problem is not None
        reason = "" if problem is None else ": as above" if problem in said else f": {problem}"
        say(f"{'pass' if problem is None else 'FAIL'}  {demand_of(check)}{reason}")
        said.add(problem)
    say(f"{plugin}: {n_checks - n_failed} of {n_checks} checks passed")
    if n_failed:
        raise typer.Exit(2)


def _candidate(plugin: str, overrides: list[str]) -> "Candidate":
    """The class with parameters that its own model has checked; ``compression_ratio`` among them is that of the fit."""
    from dataclasses import replace

    from pydantic import BaseModel

    from feedback.conformance.network import candidate_of
    from feedback.plugin_file import PluginParameters, split_plugin
    from linksim.scenario.document import validated
    from linksim.scenario.file import apply_override
    from linksim.scenario.plugin_sections import CompressorSection

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
