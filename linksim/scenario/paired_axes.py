"""The values of one axis of a sweep.

An axis may be of several keys that go together: ``compression_ratio, feedback.quantiser.bits: [[4, 4], [8, 8]]`` is two
points.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from linksim.errors import InputError
from linksim.scenario.swept_value import PlainValue, SweptValue

MAX_VALUES = 1000


def axis_keys(axis: str) -> list[str]:
    """The scenario keys of an axis: several, with commas between, where they go together."""
    return [key.strip() for key in axis.split(",")]


def axis_steps(sweep: str, axis: str, values: Sequence[SweptValue]) -> list[dict[str, PlainValue]]:
    """What each value of an axis sets, by key.

    Raises:
        InputError: if a value is not a list of one value a key where there are several keys, or a list where not.
    """
    keys = axis_keys(axis)
    if len(keys) == 1:
        single: list[dict[str, PlainValue]] = []
        for value in values:
            if isinstance(value, tuple):
                raise InputError(f"sweeps.{sweep}.{axis}: got {list(value)}, expected single values")
            single.append({keys[0]: value})
        return single
    if "" in keys or len(set(keys)) < len(keys):
        raise InputError(f"sweeps.{sweep}.{axis}: got an empty key or one twice, expected keys with commas between")
    steps: list[dict[str, PlainValue]] = []
    for value in values:
        if not isinstance(value, tuple) or len(value) != len(keys):
            found = list(value) if isinstance(value, tuple) else value
            raise InputError(
                f"sweeps.{sweep}.{axis}: got {found!r}, expected a list of {len(keys)} values, one for each key"
            )
        steps.append(dict(zip(keys, value, strict=True)))
    return steps


def distinct_steps(sweep: str, axis: str, values: Sequence[SweptValue]) -> list[dict[str, PlainValue]]:
    """As ``axis_steps``, of values that results can be told apart by.

    Raises:
        InputError: also if there are more than ``MAX_VALUES``, or two that are equal to nine digits.
    """
    if len(values) > MAX_VALUES:
        raise InputError(f"sweeps.{sweep}.{axis}: got {len(values)} values, expected at most {MAX_VALUES}")
    steps = axis_steps(sweep, axis, values)
    seen: dict[str, SweptValue] = {}
    for value, step in zip(values, steps, strict=True):
        shown = json.dumps(_nine_digits(step), sort_keys=True)
        if shown in seen:
            found = f"{_listed(seen[shown])} and {_listed(value)}, the same value to nine digits"
            raise InputError(f"sweeps.{sweep}.{axis}: got {found}, expected each once")
        seen[shown] = value
    return steps


def _nine_digits(value: Any) -> Any:
    """A value with its numbers as texts of nine digits, 0 and -0 alike; a text that reads like a number is one."""
    if isinstance(value, Mapping):
        return {key: _nine_digits(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_nine_digits(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return str(value)
    try:
        return f"{float(value) + 0.0:.9g}"
    except (ValueError, OverflowError):
        return value


def _listed(value: SweptValue) -> Any:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
