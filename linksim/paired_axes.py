"""Axes of a sweep that go together: ``compression_ratio, feedback.quantiser.bits: [[4, 4], [8, 8]]`` is two points."""

from collections.abc import Sequence

from linksim.errors import InputError
from linksim.scenario import PlainValue, SweptValue


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
