"""Sweeps: the points of a scenario, each a resolved scenario of its own."""

import copy
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from feedback.link_parameters import LINKS
from feedback.number_text import number_text
from linksim.errors import InputError
from linksim.scenario.axis import COMMON_AXES, scenario_key
from linksim.scenario.file import set_key, validate_scenario, value_at
from linksim.scenario.identity import point_key
from linksim.scenario.model import Scenario
from linksim.scenario.paired_axes import axis_keys, distinct_steps
from linksim.scenario.plugin_kinds import COMPRESSOR, swept_kind
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.swept_value import PlainValue
from linksim.scenario.training_section import is_trained_section

# Of all sweeps together: more than is measured in days, and few enough to be validated in a minute.
MAX_POINTS = 5000

# Problems after which no more points are looked at.
_MAX_LINES = 20


# A sweep of this axis puts this link in place of one that has no SNR.
FEEDBACK_SNR, LINK_OF_SNR = "feedback_snr_db", "awgn"


@dataclass(frozen=True)
class Point:
    """One point of one sweep.

    Attributes:
        sweep: name of the sweep.
        axes: swept keys and this point's values, a plug-in with parameters in words.
        scenario: the scenario at this point, without sweeps.
        key: content hash of all that tells it from other points, the number of samples included.
    """

    sweep: str
    axes: Mapping[str, float | str | bool]
    scenario: Scenario
    key: str


def points_of(scenario: Scenario) -> list[Point]:
    """All points in the order of the file; a scenario without sweeps is one point of the sweep ``point``.

    Raises:
        InputError: if a swept value does not fit the key it sets, or another axis overwrites it, an axis has a value
            twice, two points of a sweep are the same, or there are more than ``MAX_POINTS``.
    """
    sweeps = {
        sweep: [distinct_steps(sweep, axis, values) for axis, values in axes.items()]
        for sweep, axes in (scenario.sweeps or {"point": {}}).items()
    }
    _refuse_training(scenario)
    count = sum(math.prod(map(len, axes)) for axes in sweeps.values())
    if count > MAX_POINTS:
        raise InputError(f"sweeps: got {count} points, expected at most {MAX_POINTS}")
    points: list[Point] = []
    lines: list[str] = []
    for sweep, axes in sweeps.items():
        for steps in itertools.product(*axes):
            try:
                points.append(_point(scenario, sweep, {key: value for step in steps for key, value in step.items()}))
            except InputError as error:
                lines += [line for line in error.lines if line not in lines]
            if len(lines) >= _MAX_LINES:
                break
    if lines:
        raise InputError.of(lines)
    _refuse_equal_points(points)
    return points


def replaced_links(scenario: Scenario) -> list[str]:
    """A line for each sweep whose points have another link because it is one over the feedback SNR."""
    link = scenario.feedback.link
    if hasattr(link, "snr_db"):
        return []
    lines = []
    for sweep, axes in scenario.sweeps.items():
        swept = {key.strip() for axis in axes for key in axis.split(",")}
        if FEEDBACK_SNR in swept and not swept & {"feedback.link", "feedback.link.name"}:
            change = f"the link {LINK_OF_SNR!r} in place of {link.name!r}, which has no SNR"
            lines.append(f"sweeps.{sweep}: {FEEDBACK_SNR} puts {change}")
    return lines


def _refuse_training(scenario: Scenario) -> None:
    """Weights are the network's, the channel's and the transform's, however they were trained.

    ``training.samples`` is what others than networks learn from.

    Raises:
        InputError: if a sweep varies how a network is trained.
    """
    sections = ((entry, entry.model_dump(exclude_none=True)) for entry in scenario.compressors)
    trained = [compressor_label(entry) for entry, section in sections if is_trained_section(section)]
    for sweep, axes in scenario.sweeps.items() if trained else ():
        for key in (key for axis in axes for key in axis_keys(axis)):
            if key.startswith("training.") and key != "training.samples":
                raise InputError(
                    f"sweeps.{sweep}: {key}: got a sweep over how {trained[0]} is trained, whose weights are one file "
                    "whatever that is, expected a run with a zoo of its own for each value"
                )


def _refuse_equal_points(points: Sequence[Point]) -> None:
    """Points of a sweep that are one.

    By the defaults of a plug-in, though their values are written differently, or as they differ in what moves no
    results, such as labels and zoos: the figures of one would stand for both.
    """
    found: dict[tuple[str, str], Point] = {}
    for point in points:
        other = found.setdefault((point.sweep, point.key), point)
        if other is point:
            continue
        first, second = (", ".join(f"{key} {value}" for key, value in p.axes.items()) for p in (other, point))
        expected = "it once" if other.scenario == point.scenario else "keys that results are told apart by"
        raise InputError(f"sweeps.{point.sweep}: {first} and {second} are the same point, expected {expected}")


def _point(scenario: Scenario, sweep: str, axes: dict[str, PlainValue]) -> Point:
    document = scenario.model_dump(mode="json")
    document["sweeps"] = {}
    # Names first, since they decide which parameters there are; sections before the keys below them.
    for axis, value in sorted(axes.items(), key=lambda pair: (not pair[0].endswith(".name"), pair[0].count("."))):
        if axis == FEEDBACK_SNR and not _has_snr(str(document["feedback"]["link"]["name"])):
            document["feedback"]["link"] = {"name": LINK_OF_SNR}
        if axis.endswith(".name"):
            _drop_parameters(document, axis.removesuffix(".name"), value)
        set_key(document, scenario_key(axis), copy.deepcopy(value))
    _require_in_force(document, sweep, axes)
    resolved = validate_scenario(document, f"sweeps.{sweep}")
    texts = {axis: section_text(value) if isinstance(value, dict) else value for axis, value in axes.items()}
    return Point(sweep, texts, resolved, point_key(resolved))


def _require_in_force(document: dict[str, Any], sweep: str, axes: Mapping[str, PlainValue]) -> None:
    """Refuses axes of which one sets what another has set, so that a point would not be what its values say."""
    for axis, value in axes.items():
        found = value_at(document, scenario_key(axis))
        if not _holds(found, value):
            raise InputError(
                f"sweeps.{sweep}: {axis}: got {_value_text(value)}, which another axis makes {_value_text(found)}, "
                "expected axes that leave each other's values as they are"
            )


def _holds(found: Any, value: PlainValue) -> bool:
    """Whether a document has a value, a section if it has all of its keys."""
    if isinstance(value, Mapping) and isinstance(found, Mapping):
        return all(key in found and _holds(found[key], inner) for key, inner in value.items())
    return bool(found == value)


def _has_snr(link: str) -> bool:
    return link in LINKS and "snr_db" in LINKS.parameters(link).model_fields


def _drop_parameters(document: dict[str, Any], section: str, name: PlainValue) -> None:
    """Drops parameters of the base point's plug-in that the one swept instead does not have."""
    kind = COMPRESSOR if re.fullmatch(r"compressors\.\d+", section) else swept_kind(section)
    if kind is None or not isinstance(name, str) or name not in kind.registry:
        return
    known = kind.parameters(name).model_fields
    *path, last = section.split(".")
    outer: Any = reduce(lambda inner, part: inner[part], path, document)
    place = int(last) if isinstance(outer, list) else last
    if isinstance(outer, list) and int(last) >= len(outer):
        return
    outer[place] = {key: value for key, value in outer[place].items() if key in known}


def section_text(section: Mapping[str, Any]) -> str:
    """A swept plug-in with its parameters in a few words, such as ``ar, order 4``."""
    parameters = (f"{key} {_value_text(value)}" for key, value in section.items() if key != "name")
    return ", ".join([str(section.get("name", "")), *parameters])


def _value_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_value_text(inner)}' for key, inner in value.items())})"
    return number_text(value) if isinstance(value, float) else "none" if value is None else str(value)


def axis_values(scenario: Scenario) -> dict[str, float | None]:
    """What a result row says of its point: downlink and feedback SNR, compression ratio, speed, feedback delay."""
    values = {axis.column: _value_of(scenario, axis.key) for axis in COMMON_AXES}
    # Under a link budget there is no SNR of all UEs.
    return values if scenario.link_budget is None else {**values, "snr_db": None}


def _value_of(scenario: Scenario, key: str) -> float | None:
    """The number under a dotted key, ``None`` where a plug-in has no such key."""
    value: Any = scenario
    for part in key.split("."):
        value = getattr(value, part, None)
    return value
