"""Sections of a scenario that only some metrics read: those metrics say so, and a scenario without them is told."""

from dataclasses import replace

import pytest

from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.metrics import METRICS
from linksim.multi_user.parameters import MultiUserParameters
from linksim.scenario.file import validate_scenario
from linksim.simulation.validity import validity_warnings
from tests.linksim.conftest import TINY
from tests.linksim.made_up_outcome import made_up_outcome

# Values of a section, none of which leaves a metric that reads it as it is.
CHANGED = {
    "link_adaptation": {
        "link_adaptation": LinkAdaptationParameters(mcs_table="qam64", target_bler=0.01, backoff_db=6, layers="all")
    },
    "multi_user": {"multi_user": MultiUserParameters(users=2, selection="all", precoder="zf")},
    "overhead": {"data_share": 0.5},
}


def estimates(outcome):
    found = {}
    for metric in METRICS.classes():
        accumulator = metric().accumulator()
        metric().update(accumulator, outcome)
        found[metric.name] = accumulator.estimate()
    return found


@pytest.mark.parametrize("section", CHANGED)
def test_a_metric_names_the_sections_that_change_it(section):
    outcome = made_up_outcome()
    before, after = (estimates(one) for one in (outcome, replace(outcome, **CHANGED[section])))
    changed = {name for name, estimate in before.items() if estimate != after[name]}
    assert changed
    assert changed <= {metric.name for metric in METRICS.classes() if section in metric.reads}


def test_each_section_that_is_named_changes_a_metric():
    named = {section for metric in METRICS.classes() for section in metric.reads}
    assert named == set(CHANGED)


@pytest.mark.parametrize(
    ("section", "value", "reader"),
    [
        ("link_adaptation", {"backoff_db": 1.0}, "throughput_bps_hz"),
        ("multi_user", {"users": 2}, "cell_rate_bps_hz"),
        ("overhead", {"dmrs": 0.2}, "rate_net_bps_hz"),
    ],
)
def test_a_section_without_a_metric_is_said(section, value, reader):
    def lines(*metrics):
        document = {**TINY, section: value, "metrics": ["nmse_db", *metrics]}
        return [line for line in validity_warnings([validate_scenario(document, "scenario")]) if "none of" in line]

    (line,) = lines()
    assert line.startswith(f"{section}: none of the metrics takes it")
    assert reader in line
    assert lines(reader) == []


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"link_adaptation": {"retransmission_delay_s": 0.01}},
            "link_adaptation: retransmission_delay_s: counts for nothing without retransmissions",
        ),
        (
            {"link_adaptation": {"outer_loop": {"limit_db": 3}}},
            "link_adaptation: outer_loop: limit_db: counts for nothing without a step_db",
        ),
        ({"multi_user": {"slots": 7}}, "multi_user: slots: count for nothing with scheduling sum_rate"),
    ],
)
def test_keys_that_another_key_switches_off_are_said(settings, line):
    document = {**TINY, **settings, "metrics": ["throughput_bps_hz", "cell_rate_bps_hz"]}
    assert validity_warnings([validate_scenario(document, "scenario")]) == [line]
