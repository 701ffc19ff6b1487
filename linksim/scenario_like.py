"""Scenarios in any form that Python users have them in: a file, the name of one that ships, a document."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from linksim.errors import InputError
from linksim.scenario.file import set_key, validate_scenario
from linksim.scenario.messages import named_problems
from linksim.scenario.model import Scenario
from linksim.scenario.paths import resolve_paths
from linksim.scenario.sweep import Point, points_of
from linksim.scenario.yaml_file import read_document
from linksim.shipped_files import scenario_path

# A scenario file, the name of a scenario that ships, a document, or a scenario.
ScenarioLike: TypeAlias = Scenario | Mapping[str, Any] | str | Path
Overrides: TypeAlias = Mapping[str, Any]


def load_scenario(scenario: ScenarioLike, overrides: Overrides | None = None) -> Scenario:
    """A scenario, checked.

    >>> load_scenario("cost2100_indoor", {"snr_db": 5}).snr_db
    5.0

    Args:
        scenario: a YAML file, the name of a scenario that ships (``linksim list``), a document of the same keys, or a
            scenario. Names of files are relative to the YAML file, otherwise to the working folder.
        overrides: values by dotted key, such as ``{"channel.n_columns": 16}``; list entries go by number. Names of
            files are relative to the working folder.

    Raises:
        InputError: if it cannot be read, or a key is wrong.
    """
    if isinstance(scenario, Scenario):
        if not overrides:
            return scenario
        document = scenario.model_dump(mode="json")
    elif isinstance(scenario, Mapping):
        document = copy.deepcopy(dict(scenario))
    elif not isinstance(scenario, str | Path):
        raise InputError(f"scenario: got {type(scenario).__name__}, expected a file, a name, a mapping or a Scenario")
    else:
        file = scenario_path(scenario)
        document = read_document(file)
        resolve_paths(document, file.parent)
    if not isinstance(overrides, Mapping | None):
        raise InputError(f"overrides: got {type(overrides).__name__}, expected a mapping of dotted keys to values")
    for key, value in (overrides or {}).items():
        set_key(document, key, copy.deepcopy(value))
    document = _plain(document)
    resolve_paths(document, Path.cwd())
    return validate_scenario(document, origin_of(scenario))


def points(scenario: ScenarioLike, overrides: Overrides | None = None) -> list[Point]:
    """The points of a scenario's sweeps, each with the scenario that it resolves to.

    >>> [point.axes for point in points("cost2100_indoor", {"sweeps": {"snr": {"snr_db": [0, 10]}}})]
    [{'snr_db': 0.0}, {'snr_db': 10.0}]

    Raises:
        InputError: if the scenario or a swept value is wrong.
    """
    with named_problems(origin_of(scenario)):
        return points_of(load_scenario(scenario, overrides))


def origin_of(scenario: ScenarioLike) -> str:
    """What a scenario is called in messages."""
    if isinstance(scenario, Scenario):
        return f"scenario {scenario.name}"
    return "scenario" if isinstance(scenario, Mapping) else str(scenario_path(scenario))


def _plain(value: Any) -> Any:
    """A document as YAML gives it: names of files and tuples are values of Python alone."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
