"""Outer loop of link adaptation and retransmissions over a channel that moves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from linksim.chain.report_times import ReportTimes
from linksim.errors import InputError
from linksim.link_adaptation.adaptation import LinkAdaptation
from linksim.link_adaptation.coding_schemes import TABLES
from linksim.link_adaptation.outer_loop import next_offset
from linksim.link_adaptation.parameters import LinkAdaptationParameters, OuterLoopParameters
from linksim.scenario.file import validate_scenario
from tests.linksim.made_up_outcome import made_up_outcome


@pytest.mark.parametrize("target", [0.1, 0.01])
def test_share_of_failures_is_the_closed_form_whatever_fails(target: float) -> None:
    r"""Every failure takes ``step`` off, every other block adds ``step t / (1 - t)``; solved for the failures."""
    loop, count = OuterLoopParameters(step_db=0.5, limit_db=60), 400
    failed = torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) < torch.tensor([0.02, 0.1, 0.2])
    offset = torch.zeros(3, dtype=torch.float64)
    for one in failed:
        offset = next_offset(offset, one, loop, target)
    expected = target + (1 - target) * (0 - offset) / (count * loop.step_db)
    torch.testing.assert_close(failed.double().mean(0), expected, rtol=0, atol=1e-12)


def test_offset_stays_within_its_limits() -> None:
    loop, offset = OuterLoopParameters(step_db=3, limit_db=5), torch.zeros(2, dtype=torch.float64)
    for _ in range(50):
        offset = next_offset(offset, torch.tensor([True, False]), loop, 0.5)
    assert offset.tolist() == [-5.0, 5.0]


def test_blocks_of_a_long_sequence_fail_as_often_as_the_target_says() -> None:
    """CQIs that promise too much, rightly or too little, over channels that fade by 2 dB."""
    loop, count = OuterLoopParameters(step_db=0.5, limit_db=20), 400
    link = LinkAdaptation(LinkAdaptationParameters(outer_loop=loop), 24, 13 / 14)
    bias_db = torch.tensor([-4.0, 0.0, 5.0], dtype=torch.float64).repeat_interleave(10)
    generator, links = torch.Generator().manual_seed(2), len(bias_db)
    expected_db = 8 + 2 * torch.randn(count, links, generator=generator, dtype=torch.float64)
    chances = torch.rand(count, links, generator=generator)
    everywhere = torch.ones(count * links, 1, dtype=torch.bool)
    cqis = link.cqi(10 ** (expected_db / 10).reshape(-1, 1, 1), everywhere).view(count, links)
    sent = everywhere[:links]
    offset, failures, reached = torch.zeros_like(bias_db), torch.zeros_like(bias_db), torch.zeros_like(bias_db)
    for cqi, decibels, chance in zip(cqis, expected_db, chances, strict=True):
        sinr = 10 ** ((decibels + bias_db) / 10)[:, None, None]
        failed = chance < link.block_error_rate(sinr, sent, link.mcs(cqi, sent, offset))
        offset, failures = next_offset(offset, failed, loop, 0.1), failures + failed
        reached = torch.maximum(reached, offset.abs())
    shares = failures / count
    assert (reached < loop.limit_db).all()
    # The closed form: what moved the offset is all that parts the share from the target.
    torch.testing.assert_close(shares, 0.1 - 0.9 * offset / (count * 0.5), rtol=0, atol=1e-12)
    assert ((shares - 0.1).abs() < 0.9 * reached / (count * 0.5) + 1e-12).all()
    # SINRs exceed what their CQIs stand for by up to 2 dB; after failures the loop is up to some steps below.
    assert (offset > bias_db - 2).all()
    assert (offset < bias_db + 3).all()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("n_layers", [1, 3])
def test_without_an_offset_the_mcs_is_the_cqis_own_and_it_rises_with_the_offset(name: str, n_layers: int) -> None:
    link = LinkAdaptation(LinkAdaptationParameters(mcs_table=name), 60, 0.9)
    cqi, sent = torch.arange(16), torch.ones(16, n_layers, dtype=torch.bool)
    zero = torch.zeros(16, dtype=torch.float64)
    assert torch.equal(link.mcs(cqi, sent, zero), link.mcs(cqi, sent))
    efficiencies = torch.tensor([scheme.efficiency for scheme in TABLES[name].mcs])
    chosen = torch.stack([efficiencies[link.mcs(cqi, sent, zero + shift)] for shift in (-40.0, -3.0, 0.0, 3.0, 40.0)])
    assert (chosen.diff(dim=0) >= 0).all()
    assert (chosen[0] == efficiencies[0]).all()
    assert (chosen[-1, 1:] == efficiencies[-1]).all()
    # Where no CQI has come, there is nothing to shift.
    assert (chosen[:, 0] == efficiencies[0]).all()


def test_an_offset_keeps_the_target_over_awgn_of_the_shifted_sinr() -> None:
    link = LinkAdaptation(LinkAdaptationParameters(), 60, 0.9)
    decibels = torch.arange(0.0, 20.0, 0.7, dtype=torch.float64)
    sinr, sent = 10 ** (decibels / 10)[:, None, None], torch.ones(len(decibels), 1, dtype=torch.bool)
    lower = 10 ** ((decibels - 3) / 10)[:, None, None]
    mcs = link.mcs(link.cqi(sinr, sent), sent, torch.full_like(decibels, -3.0))
    assert (link.block_error_rate(lower, sent, mcs)[mcs > 0] <= 0.1).all()


def test_times_are_each_asked_for_once_and_found_again() -> None:
    """Where the delay is a whole number of periods, blocks are sent as later reports are made."""
    times = ReportTimes(4, 0.005, 0.005, uses_each=True, retransmissions=2, retransmission_delay_s=0.004)
    assert times.snapshots.times_s == pytest.approx((0, 0.005, -0.005, -0.01, -0.015, 0.009, 0.013))
    response = torch.arange(7.0)[None]
    reports = times.reports(response)
    assert [float(each) for each in reports] == [0, 2, 3, 4]
    assert [float(times.use(response, age)) for age in range(4)] == [1, 0, 2, 3]
    assert [float(each) for each in times.later(response)] == [5, 6]
    apart = ReportTimes(3, 0.005, 0.004, uses_each=True).snapshots.times_s
    assert apart == pytest.approx((0, 0.004, -0.005, -0.01, -0.001, -0.006))


@pytest.mark.parametrize("layers", ["first", "all"])
def test_retransmissions_add_the_sinrs_of_the_channels_that_they_see(layers: str) -> None:
    parameters = LinkAdaptationParameters(layers=layers, retransmissions=2)
    outcome = replace(made_up_outcome(), link_adaptation=parameters, cqi=torch.arange(7) + 6)
    same = replace(outcome, response_later=(outcome.response_use,) * 2)
    torch.testing.assert_close(same.transmission.throughput, outcome.transmission.throughput, rtol=1e-5, atol=0)
    perfect = outcome.transmission_perfect.throughput
    torch.testing.assert_close(same.transmission_perfect.throughput, perfect, rtol=1e-5, atol=0)
    # One antenna, one layer: half, and three times, the gain of the same precoder.
    halved, stronger = outcome.response_use * 0.5**0.5, outcome.response_use * 3**0.5
    seen = replace(outcome, response_later=(halved, stronger))
    (sinr, sent), link = seen.sinr, seen.adaptation
    rates = [link.block_error_rate(sinr * factor, sent, seen.mcs) for factor in (1, 1.5, 4.5)]
    whole = link.transmission(sinr * 1e6, sent, seen.mcs).throughput
    expected = whole * (1 - rates[2]) / (1 + rates[0] + rates[1])
    assert (rates[0] - rates[2]).max() > 0.1
    torch.testing.assert_close(seen.transmission.throughput, expected, rtol=1e-5, atol=1e-12)


@pytest.fixture
def moving(tiny: dict[str, Any], run_folder: Callable[..., Path]) -> Callable[..., pd.DataFrame]:
    """Value of each metric, by compressor, of a UE at speed whose reports come into use late."""
    made = iter(range(10))

    def call(**link_adaptation: Any) -> pd.DataFrame:
        document = tiny | {
            "channel": {"source": "sionna", "model": "CDL-A", "n_subcarriers": 12, "n_columns": 4, "carrier_hz": 2e9}
            | {"bandwidth_hz": 0.18e6, "speed_m_s": 16.7, "delay_spread_s": 1e-7},
            "transform": {"n_delay": 4},
            "sgcs": {"n_subbands": 2},
            "estimation": {"name": "perfect"},
            "compressors": [{"name": "identity"}],
            "compression_ratio": 1,
            "feedback": {"delay_s": 0.004, "report_period_s": 0.005, "n_reports": 8},
            "link_adaptation": link_adaptation,
            "metrics": ["throughput_bps_hz", "throughput_perfect_bps_hz", "bler", "mcs"],
            "monte_carlo": {"samples": 25},
            "sweeps": {},
        }
        table = pd.read_csv(run_folder(document, out=f"out{next(made)}") / "results.csv")
        return table.pivot_table(index="compressor", columns="metric", values="value")

    return call


def test_blocks_of_a_moving_ue_come_down_towards_the_target(moving: Callable[..., pd.DataFrame]) -> None:
    without = moving(retransmissions=1)
    with_loop = moving(retransmissions=1, retransmission_delay_s=0.008, outer_loop={"step_db": 2.0})
    assert without.loc["identity", "bler"] > 0.3
    # Seven blocks of up to 2 dB each take away what its promise is too much by, on most links.
    assert with_loop.loc["identity", "bler"] < without.loc["identity", "bler"] / 2
    assert with_loop.loc["identity", "mcs"] < without.loc["identity", "mcs"]
    # Of perfect CSI less than a tenth is sent again, over one channel or another.
    perfect = [each.loc["none", "throughput_perfect_bps_hz"] for each in (without, with_loop)]
    assert perfect[0] == pytest.approx(perfect[1], rel=0.05)
    assert perfect[0] != perfect[1]


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            {"step_db": 0.5},
            r"link_adaptation\.outer_loop\.step_db: got one report, expected feedback\.n_reports of 2 or more",
        ),
        ({"step_db": -1}, r"link_adaptation\.outer_loop\.step_db: got -1, expected"),
        ({"steps_db": 1}, r"link_adaptation\.outer_loop\.steps_db: unknown key, did you mean 'step_db'"),
    ],
)
def test_bad_sections_are_one_line_that_names_the_key(section: dict[str, object], line: str) -> None:
    document = {"name": "x", "channel": {"source": "cost2100"}, "compressors": [{"name": "topk"}]}
    with pytest.raises(InputError, match=line) as error:
        validate_scenario({**document, "link_adaptation": {"outer_loop": section}}, "x")
    assert "\n" not in str(error.value)
