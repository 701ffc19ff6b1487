"""How UEs move from report to report, which networks that learn over time depend on."""

from typing import Any

from linksim.scenario.model import Scenario

# Keys of a channel that say how UEs move.
MOTION = ("speed_m_s", "indoor_speed_m_s")


def motion_of(scenario: Scenario) -> dict[str, Any]:
    """Speeds of the UEs, and the time from report to report."""
    channel = scenario.channel.model_dump(mode="json")
    speeds = {name: channel[name] for name in MOTION if channel.get(name) is not None}
    return {"report_period_s": scenario.feedback.report_period_s, **speeds}
