"""What the parameters of a scenario say of their own validity."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from feedback.number_text import number_text
from feedback.plugin_file import PluginParameters
from linksim.chain.downlink_overhead import overhead_of
from linksim.metrics import METRICS
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.identity import taking_part
from linksim.scenario.model import Scenario
from linksim.scenario.motion import MOTION
from linksim.scenario.outlines import outline_of
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.signals import stop_warning, unused_sections


def validity_warnings(scenarios: Iterable[Scenario]) -> list[str]:
    """What the parameters of the scenarios' plug-ins and sources say of themselves, each line once.

    A section of a scenario, or what it is a section of, offers ``validity_warnings() -> list[str]``.
    """
    scenarios = list(scenarios)
    lines: dict[str, None] = dict.fromkeys([*_idle_delay(scenarios), *_never_taking_part(scenarios)])
    for scenario in scenarios:
        lines |= dict.fromkeys(f"channel: {line}" for line in outline_of(scenario).validity_warnings())
        for spec in scheme_specs(scenario):
            if spec.scenario.channel != scenario.channel:
                place = f"compressors: {spec.label}: trained_on"
                lines |= dict.fromkeys(f"{place}: {line}" for line in outline_of(spec.scenario).validity_warnings())
        lines |= dict.fromkeys(unused_sections(scenario.feedback, scenario.compressors))
        stop = scenario.monte_carlo.stop
        if stop is not None and (line := stop_warning(stop.metric, scenario.compressors)):
            lines[line] = None
        if "rate_net_bps_hz" in scenario.metrics:
            lines |= dict.fromkeys(overhead_of(scenario).warnings())
        lines |= dict.fromkeys(_of_sections(scenario, ""))
        lines |= dict.fromkeys(_unread(scenario))
    return list(lines)


def _idle_delay(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """A line where reports come into use late, and no channel has moved by then."""
    delayed = [scenario for scenario in scenarios if scenario.feedback.delay_s > 0]
    speeds = [[getattr(scenario.channel, key, None) for key in MOTION] for scenario in delayed]
    if delayed and all(any(speed == 0 for speed in each) and not any(each) for each in speeds):
        yield f"feedback.delay_s: got {delayed[0].feedback.delay_s:g} s with channel.speed_m_s 0: channels stand still"


def _never_taking_part(scenarios: Sequence[Scenario]) -> Iterator[str]:
    """A line for each compressor that no point has the ratio for."""
    wanted = {compressor_label(entry): entry for scenario in scenarios for entry in scenario.compressors}
    there = {compressor_label(entry) for scenario in scenarios for entry, _ in taking_part(scenario)}
    for label, entry in wanted.items():
        if label not in there and entry.only_ratios is not None:
            ratios = dict.fromkeys(entry.compression_ratio or scenario.compression_ratio for scenario in scenarios)
            yield (
                f"compressors: {label}: takes part at no point, as its only_ratios are "
                f"{', '.join(map(number_text, entry.only_ratios))} and the points' "
                f"{', '.join(map(number_text, ratios))}"
            )


def _unread(scenario: Scenario) -> Iterator[str]:
    """A line for each section that says something of metrics alone, none of which the scenario has."""
    readers: dict[str, list[str]] = {}
    for metric in METRICS.classes():
        for section in sorted(metric.reads):
            readers.setdefault(section, []).append(metric.name)
    for section, names in sorted(readers.items()):
        value = getattr(scenario, section)
        if value != type(value)() and not set(names) & set(scenario.metrics):
            yield f"{section}: none of the metrics takes it; those that do are {', '.join(sorted(names))}"


def _of_sections(section: BaseModel, place: str) -> Iterator[str]:
    for name in type(section).model_fields:
        # The source has looked at its own section, and knows more than that.
        if not place and name == "channel":
            continue
        value: Any = getattr(section, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                inner = f"{place}{name}: "
                own = part.own() if isinstance(part, PluginParameters) else part
                if hasattr(own, "validity_warnings"):
                    yield from (f"{inner}{line}" for line in own.validity_warnings())
                yield from _of_sections(part, inner)
