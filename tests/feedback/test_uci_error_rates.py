"""Error rates of the coded uplink: Sionna's own with nothing but its blocks, and under fading."""

import math
from typing import Literal

import pytest
import torch
from sionna.phy import config
from sionna.phy.channel import AWGN
from sionna.phy.fec.crc import CRCDecoder, CRCEncoder
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder
from sionna.phy.mapping import Demapper, Mapper

from feedback.links.uci.code_plan import CodePlan, code_plan
from tests.feedback.test_uci import draws, reports, uci


def ours(payload: int, code_rate: float, snr_db: float, n: int) -> float:
    sent = reports(n, payload)
    received = uci(snr_db=snr_db, code_rate=code_rate).transmit(sent, draws(n, seed=7))
    return float((received.values != sent.values).any(dim=1).double().mean())


def sionnas(plan: CodePlan, snr_db: float, n: int, code: Literal["polar", "ldpc"]) -> float:
    """Block error rate with nothing but Sionna's blocks, its own noise among them."""
    config.seed = 99
    generator = torch.Generator().manual_seed(3)
    bits = torch.randint(0, 2, (n, plan.payload), generator=generator).float()
    if code == "polar":
        polar = Polar5GEncoder(plan.payload, plan.coded_bits)
        decode, coded = Polar5GDecoder(polar, "SCL", list_size=8), polar(bits)
    else:
        crc = CRCEncoder("CRC16", k=plan.payload)
        ldpc = LDPC5GEncoder(plan.block_size, plan.coded_bits, num_bits_per_symbol=2)
        bp, check = LDPC5GDecoder(ldpc, num_iter=20), CRCDecoder(crc)
        coded = ldpc(crc(bits))
        decode = lambda llr: check(bp(llr))[0]  # noqa: E731
    noise_power = 10 ** (-snr_db / 10)
    received = AWGN()(Mapper("qam", 2)(coded), noise_power)
    decoded = decode(Demapper("app", "qam", 2)(received, noise_power))
    return float((decoded != bits).any(dim=1).double().mean())


def assert_same_rate(first: float, second: float, n: int) -> None:
    pooled = (first + second) / 2
    # Two binomial rates over n blocks each: 4 standard deviations of their difference.
    assert first == pytest.approx(second, abs=4 * math.sqrt(2 * pooled * (1 - pooled) / n))


@pytest.mark.parametrize(
    ("snr_db", "low", "high"), [(0.0, 0.15, 0.45), pytest.param(1.5, 0.005, 0.08, marks=pytest.mark.validate)]
)
def test_block_errors_are_those_of_sionnas_polar_code(snr_db: float, low: float, high: float) -> None:
    plan = code_plan(30, 0.5, 2)
    theirs = sionnas(plan, snr_db, 500, "polar")
    assert low < theirs < high
    assert_same_rate(ours(30, 0.5, snr_db, 500), theirs, 500)


@pytest.mark.validate
@pytest.mark.parametrize("snr_db", [0.5, 1.0])
def test_block_errors_of_a_long_polar_code(snr_db: float) -> None:
    theirs = sionnas(code_plan(300, 0.5, 2), snr_db, 1000, "polar")
    assert 0 < theirs < 1
    assert_same_rate(ours(300, 0.5, snr_db, 1000), theirs, 1000)


@pytest.mark.validate
def test_block_errors_are_those_of_sionnas_ldpc_code() -> None:
    theirs = sionnas(code_plan(2000, 0.5, 2), 1.0, 400, "ldpc")
    assert 0.05 < theirs < 0.95
    assert_same_rate(ours(2000, 0.5, 1.0, 400), theirs, 400)


def test_under_fading_a_report_fails_where_its_own_snr_does() -> None:
    sent = reports(300, 30)
    received = uci(snr_db=5.0, fading="rayleigh").transmit(sent, draws(300))
    assert received.erased is not None
    gains = draws(300)((1, 2)).square().sum(-1).squeeze(1) / 2
    own_snr_db = 5 + 10 * gains.log10()
    # At -4 dB hardly a report of this code arrives, at 4 dB hardly one is lost (1.5 dB: 2 %).
    assert received.erased[own_snr_db < -4].double().mean() > 0.95
    assert received.erased[own_snr_db > 4].double().mean() < 0.02
    # Shares of exponential gains below 10^-0.9 and 10^-0.1: 1 - exp(-0.126) = 0.118 and 1 - exp(-0.794) = 0.548, of
    # standard deviation 0.019 and 0.029; 4 of them. Between both a report of this code begins to arrive.
    assert 0.118 - 0.076 < float(received.erased.double().mean()) < 0.548 + 0.115
