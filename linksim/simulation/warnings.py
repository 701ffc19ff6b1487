"""What a reader of the results should know of their validity: parameters out of a model's range, late energy.

Each line is said once, and stands in the manifest and the report.
"""

import logging
from collections.abc import Iterable, Sequence

from channels.source import Source
from channels.statistics.late_energy import LateEnergy
from linksim.content_hash import content_hash
from linksim.execution.executor import Executor
from linksim.scenario.model import Scenario
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
