"""The one point of a sweep that stands for it where a single one is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from linksim.errors import InputError
from linksim.scenario.axis import scenario_key
from linksim.scenario.file import value_at
from linksim.scenario.sweep import Point


def check_chosen(points: Sequence[Point], at: Mapping[str, str]) -> None:
    """Refuses values that no sweep has.

    Raises:
        InputError: one line that names the key, and what the run has.
    """
    for key, text in at.items():
        values = [point.axes[key] for point in points if key in point.axes]
        if not values:
            swept = dict.fromkeys(axis for point in points for axis in point.axes)
            raise InputError(f"--at: got {key!r}, expected one of {', '.join(swept) or 'none, as nothing is swept'}")
        if not any(_is(value, text) for value in values):
            there = ", ".join(dict.fromkeys(map(str, values)))
            raise InputError(f"--at: {key}: got {text!r}, expected one of {there}")


def chosen_point(points: Sequence[Point], scenario: Mapping[str, Any], at: Mapping[str, str]) -> Point | None:
    """A point of a sweep: at the values asked for, else at the scenario's own, else in the middle of each axis.

    Args:
        points: the sweep's points.
        scenario: the run's scenario, with its own values of the swept keys.
        at: values asked for, by key; those that the sweep does not have do not matter.
    """
    left = list(points)
    for key in points[0].axes if points else ():
        values = list(dict.fromkeys(point.axes[key] for point in left))
        asked = [value for value in values if key in at and _is(value, at[key])]
        same = [] if asked else _own_values(left, key, scenario)
        chosen = (asked or same or [values[len(values) // 2]])[0]
        left = [point for point in left if point.axes[key] == chosen]
    return left[0] if left else None


def _is(value: float | str | bool, text: str) -> bool:
    if not isinstance(value, str | bool):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return str(value) == text


def _own_values(points: Sequence[Point], key: str, scenario: Mapping[str, Any]) -> list[float | str | bool]:
    """Values of an axis at which a point has what the scenario has; those of sections are names, so by all they say."""
    own, path = value_at(scenario, scenario_key(key)), scenario_key(key)
    values = list(dict.fromkeys(point.axes[key] for point in points))
    if not isinstance(own, Mapping | list):
        return [value for value in values if value == own]
    found = (point.axes[key] for point in points if value_at(point.scenario.model_dump(mode="json"), path) == own)
    return list(dict.fromkeys(found))
