"""Sweeps: the points of a scenario, each a resolved scenario of its own."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from class_registry import ClassRegistry

from feedback.number_text import number_text
from linksim.identity import point_key
from linksim.paired_axes import axis_steps
from linksim.scenario import DENOISERS, ESTIMATORS, LINKS, PRECODERS, PREDICTORS, QUANTISERS, PlainValue, Scenario
from linksim.scenario_file import set_key, validate_scenario

# Short names of the axes that every result row carries, and the scenario keys that they set.
AXES: Mapping[str, str] = {
    "snr_db": "snr_db",
    "feedback_snr_db": "feedback.link.snr_db",
    "compression_ratio": "compression_ratio",
    "speed_m_s": "channel.speed_m_s",
    "feedback_delay_s": "feedback.delay_s",
}

# Plug-ins that a sweep may exchange, by their section.
_PLUGINS: Mapping[str, ClassRegistry[Any]] = {
    "estimation": ESTIMATORS,
    "feedback.quantiser": QUANTISERS,
    "feedback.link": LINKS,
    "feedback.denoiser": DENOISERS,
    "feedback.predictor": PREDICTORS,
    "precoder": PRECODERS,
}


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
        InputError: if a swept value does not fit the key it sets.
    """
    points = []
    for sweep, axes in (scenario.sweeps or {"point": {}}).items():
        for steps in itertools.product(*(axis_steps(sweep, axis, values) for axis, values in axes.items())):
            points.append(_point(scenario, sweep, {key: value for step in steps for key, value in step.items()}))
    return points


def _point(scenario: Scenario, sweep: str, axes: dict[str, PlainValue]) -> Point:
    document = scenario.model_dump(mode="json")
    document["sweeps"] = {}
    # Names first, since they decide which parameters there are.
    for axis, value in sorted(axes.items(), key=lambda pair: not pair[0].endswith(".name")):
        if axis == "feedback_snr_db" and "snr_db" not in document["feedback"]["link"]:
            # A feedback SNR means an analogue link where the base point's link has none.
            document["feedback"]["link"] = {"name": "awgn"}
        if axis.endswith(".name"):
            _drop_parameters(document, axis.removesuffix(".name"), value)
        set_key(document, AXES.get(axis, axis), value)
    resolved = validate_scenario(document, f"sweeps.{sweep}")
    texts = {axis: section_text(value) if isinstance(value, dict) else value for axis, value in axes.items()}
    return Point(sweep, texts, resolved, point_key(resolved))


def _drop_parameters(document: dict[str, Any], section: str, name: PlainValue) -> None:
    """Drops parameters of the base point's plug-in that the one swept instead does not have."""
    registry = _PLUGINS.get(section)
    if registry is None or not isinstance(name, str) or name not in registry:
        return
    known = registry.get_class(name).Parameters.model_fields
    *path, last = section.split(".")
    outer = reduce(lambda inner, part: inner[part], path, document)
    outer[last] = {key: value for key, value in outer[last].items() if key in known}


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
    return {
        "snr_db": scenario.snr_db,
        "feedback_snr_db": getattr(scenario.feedback.link, "snr_db", None),
        "compression_ratio": scenario.compression_ratio,
        "speed_m_s": getattr(scenario.channel, "speed_m_s", None),
        "feedback_delay_s": scenario.feedback.delay_s,
    }
