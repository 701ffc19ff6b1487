"""What a reader of the results should know of their validity: parameters out of a model's range, late energy.

Each line is said once, and stands in the manifest and the report.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from channels.source import Source
from channels.statistics.late_energy import LateEnergy
from feedback.plugin_file import PluginParameters
from linksim.chain.downlink_overhead import overhead_of
from linksim.content_hash import content_hash
from linksim.execution.executor import Executor
from linksim.preparation.fitting import scheme_specs
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import outline_of
from linksim.scenario.signals import stop_warning, unused_sections
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import Point

_LOGGER = logging.getLogger(__name__)


class RunWarnings:
    """The warnings of a run.

    Attributes:
        lines: all of them, in order.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, lines: Iterable[str]) -> None:
        """Takes and logs those that are new."""
        for line in lines:
            if line not in self.lines:
                self.lines.append(line)
                _LOGGER.warning(line)


def validity_warnings(scenarios: Iterable[Scenario]) -> list[str]:
    """What the parameters of the scenarios' plug-ins and sources say of themselves, each line once.

    A section of a scenario, or what it is a section of, offers ``validity_warnings() -> list[str]``.
    """
    lines: dict[str, None] = {}
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
    return list(lines)


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


def late_energy_warnings(points: Sequence[Point], executor: Executor) -> list[str]:
    """Lines on energy that arrives too late, from the first test channels of each of the points' sources.

    Args:
        points: the run's points.
        executor: where paths are made.
    """
    scenarios = {_channel_key(point.scenario): point.scenario for point in points}
    tasks = [
        (scenario,)
        for scenario in scenarios.values()
        if type(source_of(scenario)).late_energy is not Source.late_energy
    ]
    found = dict(executor.run(late_energy_of, tasks)) if tasks else {}
    lines = [f"channel: {line}" for number in sorted(found) if (late := found[number]) for line in late.warnings()]
    return list(dict.fromkeys(lines))


def late_energy_of(scenario: Scenario) -> LateEnergy | None:
    """Late energy of a scenario's first test channels."""
    return source_of(scenario).late_energy("test")


def _channel_key(scenario: Scenario) -> str:
    # Speed moves no path at the first snapshot.
    return content_hash([scenario.channel.model_dump(mode="json", exclude={"speed_m_s"}), scenario.seed])
