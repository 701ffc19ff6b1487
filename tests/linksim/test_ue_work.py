"""Points at which UEs do the same share what they did: the digits are those of points by themselves."""

from typing import Any

import numpy as np
import pytest
import torch

from channels.channel_batch import ChannelBatch
from channels.transforms.angular_delay import AngularDelayTransform
from feedback.codec import Codec, UeHalf
from linksim.chain.chain import Chain
from linksim.chain.front_end import FrontEnd
from linksim.chain.ue_work import KeptWork, work_key
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of

_COUNT = 5
_DOCUMENT: dict[str, Any] = {
    "name": "shared",
    "seed": 3,
    "channel": {
        **{"source": "sionna", "model": "CDL-C", "n_subcarriers": 48, "n_columns": 4, "polarization": "dual"},
        "speed_m_s": 10.0,
    },
    "estimation": {"name": "ls"},
    "snr_db": 10,
    "transform": {"n_delay": 16, "normalisation": "none"},
    "compressors": [{"name": "identity"}, {"name": "type1"}],
    "sgcs": {"n_subbands": 6},
    "metrics": ["nmse_db", "nmse_e2e_db", "rho", "sgcs", "rate_bps_hz", "estimation_nmse_db"],
}
# Changes of the scenario, and whether UEs estimate and report there what they do without them.
_POINTS: list[tuple[dict[str, Any], bool]] = [
    ({"feedback": {"link": {"name": "awgn", "snr_db": 5}}, "compressors": [{"name": "identity"}]}, True),
    ({"feedback": {"delay_s": 1e-3}}, True),
    ({"feedback": {"delay_s": 3e-3}, "channel": {"speed_m_s": 3.0}}, True),
    ({"precoder": {"name": "mrt_subband", "n_subbands": 4}}, True),
    ({"snr_db": 5}, False),
    ({"seed": 2}, False),
    ({"estimation": {"name": "perfect"}}, False),
    ({"transform": {"n_delay": 8}}, False),
    ({"sgcs": {"n_subbands": 4}}, False),
    ({"channel": {"model": "CDL-B"}}, False),
    ({"channel": {"bandwidth_hz": 10e6}}, False),
    ({"feedback": {"n_reports": 2, "report_period_s": 1e-3}}, False),
]


def changed(changes: dict[str, Any]) -> Scenario:
    document = dict(_DOCUMENT)
    for key, value in changes.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    return validate_scenario(document, "scenario")


def codecs_of(scenario: Scenario) -> dict[str, Codec]:
    return {spec.label: spec.build() for spec in scheme_specs(scenario)}


def batch_of(chain: Chain, scenario: Scenario) -> ChannelBatch:
    return source_of(scenario).read("test", 0, _COUNT, chain.report_times.snapshots)


def recorded(scenario: Scenario, codecs: dict[str, Codec], kept: KeptWork | None) -> dict[tuple[str, str], Any]:
    chain = Chain(scenario, source_of(scenario), codecs, torch.device("cpu"), kept_work=kept)
    chain.measure(batch_of(chain, scenario), 0)
    return dict(chain.samples.recorded().columns)


@pytest.mark.parametrize(("changes", "same"), _POINTS)
def test_digits_are_those_of_a_point_by_itself(
    changes: dict[str, Any], same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, other = changed({}), changed(changes)
    codecs = codecs_of(plain)
    labels = [spec.label for spec in scheme_specs(other)]
    of_other = {label: codecs[label] for label in labels} if same else codecs_of(other)
    expected = recorded(other, of_other, None)
    kept, done = KeptWork(), []
    recorded(plain, codecs, kept)

    def count(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            done.append(name)
            return original(*arguments, **named)

        monkeypatch.setattr(kind, name, counted)

    count(FrontEnd, "estimate")
    count(UeHalf, "report")
    found = recorded(other, of_other, kept)
    n_reports = other.feedback.reports_seen
    assert (done.count("estimate"), done.count("report")) == ((0, 0) if same else (n_reports, 2 * n_reports))
    assert found.keys() == expected.keys()
    for column, values in expected.items():
        np.testing.assert_array_equal(found[column], values)


def test_what_metrics_make_of_a_report_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At other times of use nothing is asked of the rebuilt channel but its eigenvectors, which are known."""
    kept, rebuilt = KeptWork(), []
    points = [
        changed({"precoder": {"name": "mrt_subband", "n_subbands": 6}, "feedback": {"delay_s": delay}})
        for delay in (1e-3, 3e-3)
    ]
    codecs = codecs_of(points[0])
    original = AngularDelayTransform.inverse
    monkeypatch.setattr(AngularDelayTransform, "inverse", lambda *given: rebuilt.append(1) or original(*given))
    counts = []
    for point in points:
        recorded(point, codecs, kept)
        counts.append(len(rebuilt))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("subcarrier", [0, 7, 47])
def test_channels_that_differ_anywhere_are_others(subcarrier: int) -> None:
    scenario = changed({})
    chain = Chain(scenario, source_of(scenario), codecs_of(scenario), torch.device("cpu"))
    response = batch_of(chain, scenario).response[:, 0].flatten(2)
    transform = AngularDelayTransform(source_of(scenario).grid, source_of(scenario).array, 16)
    truncated = transform.truncate(response)
    other = response.clone()
    other[-1, subcarrier, -1] *= 1.000001
    keys = [work_key(scenario, transform, "", seen, truncated, 0) for seen in (response, response.clone(), other)]
    assert keys[0] == keys[1] != keys[2]


def test_samples_elsewhere_in_the_split_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same channels under another index have other noise."""
    scenario, kept, values = changed({}), KeptWork(), []
    chain = Chain(scenario, source_of(scenario), codecs_of(scenario), torch.device("cpu"), kept_work=kept)
    batch = batch_of(chain, scenario)
    for start in (0, _COUNT, 0):
        chain.begin()
        chain.measure(batch, start)
        values.append(chain.samples.recorded().columns["identity", "nmse_db"])
    np.testing.assert_array_equal(values[0], values[2])
    assert not np.array_equal(values[0], values[1])
