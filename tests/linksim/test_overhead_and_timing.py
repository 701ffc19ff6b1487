"""Overhead of pilots in NR's terms, net rates, and timing by pilots in the chain."""

import copy
import math

import numpy as np
import pytest
import torch

from channels.channel_batch import ChannelBatch, Snapshots
from channels.estimators.symbol_timing import advance, tracked_start
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.chain.chain import Chain
from linksim.chain.downlink_overhead import overhead_of
from linksim.errors import InputError
from linksim.preparation.scheme_spec import scheme_specs
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.file import validate_scenario
from linksim.scenario.identity import channel_fit_key, weights_document
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of
from linksim.scenario.true_channels import truncated_channels
from linksim.simulation.validity import validity_warnings
from tests.linksim.conftest import TINY

# 52 resource blocks at 30 kHz.
NR = {"source": "sionna", "model": "CDL-C", "n_subcarriers": 624, "bandwidth_hz": 624 * 30e3, "n_columns": 32}


def scenario(**changes: object) -> Scenario:
    document = {**TINY, "sweeps": {}, "compressors": [{"name": "identity"}], **changes}
    document["transform"] = {"normalisation": "none", **document["transform"]}
    return validate_scenario(copy.deepcopy(document), "scenario")


def figures(given: Scenario, count: int = 50) -> dict[str, float]:
    source = source_of(given)
    schemes = {spec.label: spec.build() for spec in scheme_specs(given)}
    batch = source.read("test", 0, count, Snapshots())
    measured = Chain(given, source, schemes, torch.device("cpu")).measure(ChannelBatch(batch.response), 0)
    estimates = {metric: accumulator.estimate() for (_, metric), accumulator in measured.items()}
    assert NO_COMPRESSOR in {label for label, _ in measured}
    return {metric: estimate.value for metric, estimate in estimates.items() if estimate is not None}


@pytest.mark.parametrize(
    ("estimation", "expected"),
    [
        # 32 resource elements in the 168 of a block and slot, every tenth slot of half a millisecond.
        ({"name": "ls_comb", "spacing": 12}, 32 / 168 / 10),
        ({"name": "ls_comb", "spacing": 24}, 16 / 168 / 10),
        # 32 of 140 symbols.
        ({"name": "ls"}, 32 / 140),
        ({"name": "ls", "n_pilots": 64}, 64 / 140),
        # For tracking 12 elements in the 168 of a block and slot, every fortieth slot.
        ({"name": "ls_comb", "spacing": 12, "timing": "pilots"}, 32 / 168 / 10 + 12 / 168 / 40),
        ({"name": "perfect"}, 0.0),
        ({"name": "perfect", "timing": "pilots"}, 0.0),
    ],
)
def test_csi_rs_of_5_ms_at_30_khz(estimation, expected):
    overhead = overhead_of(scenario(channel=NR, estimation=estimation))
    assert overhead.csi_rs == pytest.approx(expected, rel=1e-12)
    assert overhead.dmrs == pytest.approx(12 / 168)
    assert overhead.data == pytest.approx(1 - expected - 12 / 168)


@pytest.mark.parametrize("value", ["auto", 0, 0.5])
def test_shares_are_given_as_numbers_or_left_to_the_pilots(value):
    section = scenario(overhead={"csi_rs": value, "dmrs": value}).overhead
    assert (section.csi_rs, section.dmrs) == (value, value)


@pytest.mark.parametrize("value", [1, -0.1, "much"])
def test_other_shares_are_refused_in_one_line(value):
    with pytest.raises(InputError, match=r"overhead\.csi_rs") as refused:
        scenario(overhead={"csi_rs": value})
    assert "\n" not in str(refused.value)


def test_the_period_is_that_of_the_reports_or_its_own():
    comb = {"name": "ls_comb", "spacing": 12}
    reported = scenario(channel=NR, estimation=comb, feedback={"report_period_s": 0.02})
    assert overhead_of(reported).csi_rs == pytest.approx(32 / 168 / 40)
    own = scenario(
        channel=NR, estimation=comb, feedback={"report_period_s": 0.02}, overhead={"csi_rs_period_s": 0.0025}
    )
    assert overhead_of(own).csi_rs == pytest.approx(32 / 168 / 5)


def test_net_rate_is_the_rate_times_what_is_left():
    given = figures(scenario(overhead={"csi_rs": 0.25, "dmrs": 0.15}))
    assert given["rate_net_bps_hz"] == pytest.approx(0.6 * given["rate_bps_hz"], rel=1e-12)


def test_pilots_that_leave_nothing_are_told():
    given = scenario(channel=NR, estimation={"name": "ls"}, overhead={"csi_rs_period_s": 0.001})
    assert overhead_of(given).data == 0
    (line,) = validity_warnings([given])
    assert line.startswith("overhead: got CSI-RS on 114 % and DM-RS on 7.14 % of the resource elements")
    (other,) = validity_warnings([given.model_copy(update={"metrics": ("nmse_db",)})])
    assert other.startswith("overhead: none of the metrics takes it")


@pytest.mark.parametrize("name", ["perfect", "ls", "ls_comb"])
def test_timing_by_pilots_changes_the_delay_axis_and_no_rate(name):
    """A phase ramp that channel and estimate share changes no precoder: with all delays kept, nothing but noise."""
    channel = {**TINY["channel"], "n_subcarriers": 96}
    common = {"channel": channel, "transform": {"n_delay": 96}, "snr_db": 20}
    spacing = {"spacing": 4} if name == "ls_comb" else {}
    perfect, pilots = (
        figures(scenario(estimation={"name": name, **spacing, "timing": timing}, **common))
        for timing in ("perfect", "pilots")
    )
    # Noise of the same draws, turned: means over 50 samples differ by less than 0.2 dB, and MMSE windows may change.
    for metric in ("estimation_nmse_db", "nmse_e2e_db", "nmse_db"):
        if perfect[metric] > -60:
            assert pilots[metric] == pytest.approx(perfect[metric], abs=0.5)
    assert pilots["rate_bps_hz"] == pytest.approx(perfect["rate_bps_hz"], rel=0.005)


def test_the_source_s_own_delay_axis_does_not_reach_timing_by_pilots():
    """A source whose paths all come 3 taps later gives the same figures, as the UE times its symbols by itself."""
    given = scenario(estimation={"name": "perfect", "timing": "pilots"}, transform={"n_delay": 16})
    source = source_of(given)
    batch = source.read("test", 0, 50, Snapshots()).response
    turns = source.grid.frequencies_hz() * 3 / source.grid.bandwidth_hz
    later = batch * torch.polar(torch.ones_like(turns), -2 * torch.pi * turns).to(torch.complex64)[:, None]
    values = []
    for response in (batch, later):
        chain = Chain(given, source, {}, torch.device("cpu"))
        estimate = chain.measure(ChannelBatch(response), 0)[NO_COMPRESSOR, "truncation_nmse_db"].estimate()
        assert estimate is not None
        values.append(estimate.value)
    # Single precision; a shift by whole taps moves the profile by whole steps.
    assert values[0] == pytest.approx(values[1], abs=1e-3)


def test_what_is_learnt_has_the_delay_axis_of_the_ues_timing() -> None:
    line_of_sight = NR | {"model": "CDL-D"}
    perfect, timed = (
        scenario(channel=line_of_sight, estimation={"name": "perfect", "timing": timing})
        for timing in ("perfect", "pilots")
    )
    first, second = (truncated_channels(given, "train", 0, 20) for given in (perfect, timed))
    strongest = [np.square(np.abs(csi)).sum(axis=(0, 2)).argmax() for csi in (first, second)]
    # By pilots symbols begin a tap before the first path, here the strongest.
    assert strongest == [0, 1]
    # Test channels whose clock starts within a tap come to the same axis when there is no noise.
    csi = torch.from_numpy(second)
    response = source_of(timed).read("train", 0, 20, Snapshots()).response[:, 0]
    grid = source_of(timed).grid
    late = advance(response, torch.full((20,), -0.3 / grid.bandwidth_hz), grid)
    begins = tracked_start(late, math.inf, no_draw, grid, csi.shape[1])
    again = AngularDelayTransform(grid, source_of(timed).array, csi.shape[1]).truncate(advance(late, begins, grid))
    # The vertex of a parabola through steps of half a tap is a few hundredths of a tap off.
    assert float((again - csi).abs().square().sum() / csi.abs().square().sum()) < 0.01


def test_what_is_learnt_under_another_timing_is_not_taken_for_it() -> None:
    perfect, timed = (
        scenario(channel=NR, estimation={"name": "perfect", "timing": timing}) for timing in ("perfect", "pilots")
    )
    assert "timing" not in weights_document(perfect)
    assert weights_document(timed)["timing"] == "pilots"
    assert channel_fit_key(timed) != channel_fit_key(perfect)


def no_draw(shape: tuple[int, ...]) -> torch.Tensor:
    raise AssertionError("no noise")
