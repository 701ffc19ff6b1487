"""Warnings of a run: printed once, in the manifest, in the report; from sources and from sections of plug-ins."""

import copy
import json

import pytest

from feedback.compressor import COMPRESSORS
from feedback.link import LINKS
from linksim.logs import shown_logs
from linksim.report.html import write_report
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.simulation.validity import validity_warnings
from tests.linksim.conftest import TINY

FAR = {**TINY, "channel": {**TINY["channel"], "distance_m": [35, 20000], "delay_alignment": "none"}}


def _warnings(document):
    scenario = validate_scenario(copy.deepcopy(document), "scenario")
    return validity_warnings(point.scenario for point in points_of(scenario))


def test_lines_are_given_once_for_all_points():
    (line,) = _warnings(FAR)
    assert line.startswith(
        "channel: distance_m: got 20000 m, UMa in TR 38.901, Table 7.4.1-1, is stated for 10 to 5000 m"
    )
    assert _warnings(TINY) == []


def test_swept_values_and_training_channels_count():
    document = {**TINY, "sweeps": {"speed": {"speed_m_s": [1, 149, 150]}}}
    document["compressors"] = [{"name": "klt", "trained_on": {**TINY["channel"], "bs_height_m": 60}}]
    lines = _warnings(document)
    assert [line.split(":")[2].strip() if "trained_on" in line else line.split(":")[1].strip() for line in lines] == [
        "trained_on",
        "speed_m_s",
        "speed_m_s",
    ]


def test_any_section_may_offer_lines(monkeypatch):
    sections = {"few": COMPRESSORS.get_class("topk").Parameters, "odd": LINKS.get_class("perfect").Parameters}
    for line, parameters in sections.items():
        monkeypatch.setattr(parameters, "validity_warnings", lambda self, line=line: [line], raising=False)
    assert _warnings(TINY) == ["compressors: few", "feedback: link: odd"]


@pytest.mark.usefixtures("without_figures")
def test_in_terminal_manifest_and_report(run_folder, capsys):
    # With the model's own delays and UEs up to 20 km away, some paths arrive after a symbol of 3.2 us.
    document = {**FAR, "sweeps": {}, "compressors": [{"name": "identity"}]}
    document["monte_carlo"] = {"samples": 2, "batch_size": 50}
    with shown_logs():
        folder = run_folder(document)
    out = capsys.readouterr()
    lines = json.loads((folder / "manifest.json").read_text())["warnings"]
    assert [line.split(":")[1].split()[-1] for line in lines[:1]] == ["distance_m"]
    assert "later than a symbol" in lines[1]
    assert (out.out + out.err).count(lines[0]) == 1
    page = write_report(folder).read_text()
    assert all(page.count(line.replace("&", "&amp;")) == 1 for line in lines)


def test_validate_says_them(command, scenario_file):
    code, out, err = command("validate", scenario_file(FAR))
    assert code == 0
    assert "valid" in out
    assert err.startswith("WARNING: channel: distance_m: got 20000 m")


@pytest.mark.parametrize("source", ["sionna", "cost2100"])
def test_validate_refuses_a_band_down_to_frequency_zero(command, scenario_file, source):
    channel = {"source": source, "carrier_hz": 0.9e9, "bandwidth_hz": 1.9e9}
    code, _, err = command("validate", scenario_file({**TINY, "channel": channel, "sweeps": {}}))
    assert code == 2
    assert "bandwidth_hz: got 1.9e+09 Hz, expected less than twice the carrier of 9e+08 Hz" in err


def test_a_delay_on_channels_that_stand_still_is_told():
    document = {**TINY, "feedback": {**TINY.get("feedback", {}), "delay_s": 0.004}}
    still = "feedback.delay_s: got 0.004 s with channel.speed_m_s 0: channels stand still"
    assert _warnings({**document, "channel": {"source": "cost2100", "environment": "indoor"}}) == [still]
    assert _warnings({**document, "channel": {**TINY["channel"], "speed_m_s": 1}}) == []
    # A sweep may begin at rest.
    assert _warnings({**document, "sweeps": {"speed": {"speed_m_s": [0, 10]}}}) == []
