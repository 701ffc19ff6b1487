"""The uplink of coded reports against closed forms: bit errors, diversity, estimation, selectivity."""

import json
import math
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import comb, gammainc
from scipy.stats import norm
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.link import NormalDraw
from feedback.links.parameters.uci import BITS_PER_SYMBOL, UciParameters
from feedback.links.uci.delay_profiles import delay_profile
from feedback.links.uci.grid import UplinkGrid
from feedback.links.uci.link import Uci
from feedback.links.uci.uplink import Uplink

SELECTIVE: dict[str, Any] = {"fading": "selective", "multipath": {"profile": "TDL-A", "delay_spread_s": 300e-9}}
PILOTS = {"name": "pilots", "method": "ls"}


def parameters(**given: Any) -> UciParameters:
    return UciParameters(**({"snr_db": 10.0} | given))


def draw(batch: int, seed: int = 0) -> NormalDraw:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(batch, *shape, generator=generator)


def random_bits(batch: int, n: int) -> Tensor:
    return torch.randint(0, 2, (batch, n), generator=torch.Generator().manual_seed(9)).float()


def bit_errors(batch: int, n_data: int, **given: Any) -> Tensor:
    """Shares of wrong hard decisions of each report, ``[batch]``."""
    its = parameters(**given)
    bits = random_bits(batch, n_data * BITS_PER_SYMBOL[its.modulation])
    llr = Uplink(its, n_data, "cpu").llr(bits, draw(batch))
    return ((llr > 0).float() != bits).double().mean(dim=1)


def assert_mean(found: Tensor, expected: float) -> None:
    """Four standard errors of a mean over independent reports, whose bits are not independent."""
    assert float(found.mean()) == pytest.approx(expected, abs=4 * float(found.std()) / math.sqrt(len(found)))


def gray_square_qam(order: int, snr: float) -> float:
    """Bit error rate over white noise: K. Cho and D. Yoon, doi:10.1109/TCOMM.2002.800818, equations 14 and 16."""
    side, bits = math.isqrt(order), int(math.log2(order)) // 2
    rates = []
    for k in range(1, bits + 1):
        terms = [
            (-1) ** (i * 2 ** (k - 1) // side)
            * (2 ** (k - 1) - math.floor(i * 2 ** (k - 1) / side + 0.5))
            * 2
            * norm.sf((2 * i + 1) * math.sqrt(3 * snr / (order - 1)))
            for i in range(int((1 - 2**-k) * side))
        ]
        rates.append(sum(terms) / side)
    return float(np.mean(rates))


@pytest.mark.parametrize(("modulation", "snr_db"), [("qpsk", 5), ("16qam", 12), ("64qam", 16), ("256qam", 22)])
@pytest.mark.parametrize("bs_antennas", [1, 4])
def test_bit_errors_over_white_noise(modulation: str, snr_db: float, bs_antennas: int) -> None:
    # Antennas add up what they receive of one channel.
    own = snr_db - 10 * math.log10(bs_antennas)
    errors = bit_errors(60, 100, modulation=modulation, snr_db=own, bs_antennas=bs_antennas)
    assert_mean(errors, gray_square_qam(2 ** BITS_PER_SYMBOL[modulation], 10 ** (snr_db / 10)))  # type: ignore[index]


def rayleigh_qpsk(correlation: float, branches: int) -> float:
    """Bit error rate of Gray QPSK, Rayleigh branches combined by estimates of this correlation with what is received.

    J. G. Proakis, "Digital Communications", 4th edition, equation 14.4-41 with appendix C.
    """
    share = correlation / math.sqrt(2 - correlation**2)
    rest = (1 - correlation**2) / (4 - 2 * correlation**2)
    return 0.5 * (1 - share * sum(comb(2 * k, k) * rest**k for k in range(branches)))


@pytest.mark.parametrize("bs_antennas", [1, 2, 4])
def test_bit_errors_over_rayleigh_fading_with_diversity(bs_antennas: int) -> None:
    errors = bit_errors(12_000, 4, snr_db=3.0, fading="rayleigh", bs_antennas=bs_antennas)
    snr = 10**0.3
    expected = rayleigh_qpsk(math.sqrt(snr / (1 + snr)), bs_antennas)
    # The textbook's sum over L branches says the same.
    mean = math.sqrt(snr / 2 / (1 + snr / 2))
    other = ((1 - mean) / 2) ** bs_antennas * sum(
        comb(bs_antennas - 1 + k, k) * ((1 + mean) / 2) ** k for k in range(bs_antennas)
    )
    assert expected == pytest.approx(other)
    assert_mean(errors, expected)


@pytest.mark.parametrize("method", ["ls", "lmmse"])
@pytest.mark.parametrize("bs_antennas", [1, 4])
def test_bit_errors_with_an_estimate_from_pilots(bs_antennas: int, method: str) -> None:
    # Flat, so all 12 pilots of one block are averaged; at -6 dB they are worth 4.8 dB.
    its = {"snr_db": -6.0, "fading": "rayleigh", "channel_estimation": PILOTS | {"method": method}}
    errors = bit_errors(12_000, 10, bs_antennas=bs_antennas, **its)
    noise_power = 10**0.6
    correlation = 1 / math.sqrt((1 + noise_power) * (1 + noise_power / 12))
    expected = rayleigh_qpsk(correlation, bs_antennas)
    assert expected > 1.05 * rayleigh_qpsk(1 / math.sqrt(1 + noise_power), bs_antennas)
    assert_mean(errors, expected)


def test_a_subcarriers_own_pilot_is_all_that_ls_has_of_a_selective_channel() -> None:
    its = SELECTIVE | {"snr_db": 0.0, "channel_estimation": PILOTS | {"pilot_symbols": 2}}
    errors = bit_errors(3000, 60, **its)
    assert_mean(errors, rayleigh_qpsk(1 / math.sqrt(2 * 1.5), 1))


@pytest.mark.parametrize("method", ["ls", "lmmse"])
def test_errors_of_estimates_are_those_of_their_formulas(method: str) -> None:
    its = SELECTIVE | {"snr_db": 3.0, "channel_estimation": {"name": "pilots", "method": method}}
    its["multipath"] = its["multipath"] | {"hop_prbs": 40}
    uplink = Uplink(parameters(**its), 144, "cpu")
    draws = draw(4000)
    channel = uplink.channel(draws, 4000)
    error = (uplink.estimate(channel, draws) - channel).abs().square().double().mean(dim=(1, 2))
    noise = 10**-0.3
    delays, powers = delay_profile("TDL-A")
    cycles = np.subtract.outer(np.arange(12), np.arange(12))[..., None] * 30e3 * 300e-9 * delays
    covariance = (powers * np.exp(-2j * np.pi * cycles)).sum(-1)
    filtered = np.linalg.solve(covariance + noise * np.eye(12), covariance)
    expected = noise if method == "ls" else float(np.trace(covariance - covariance @ filtered).real) / 12
    assert_mean(error, expected)


def test_the_channel_has_the_profiles_correlation_over_frequency_and_hops() -> None:
    its = SELECTIVE | {"bs_antennas": 2}
    its["multipath"] = {"profile": "TDL-C", "delay_spread_s": 100e-9, "subcarrier_spacing_hz": 15000, "hop_prbs": 10}
    channel = Uplink(parameters(**its), 300, "cpu").channel(draw(20_000), 20_000)
    assert channel.shape == (20_000, 2, 2 * 24)
    delays, powers = delay_profile("TDL-C")
    # Products of unit-power Gaussian numbers have unit standard deviation: four standard errors.
    for place, subcarriers in ((5, 5), (23, 23), (24, 120)):
        expected = (powers * np.exp(2j * np.pi * delays * 100e-9 * 15e3 * subcarriers)).sum()
        found = complex((channel[:, 0, 0] * channel[:, 0, place].conj()).to(torch.complex128).mean())
        assert abs(found - expected) < 4 / math.sqrt(20_000)
    between = complex((channel[:, 0, 0] * channel[:, 1, 0].conj()).to(torch.complex128).mean())
    assert abs(between) < 4 / math.sqrt(20_000)


@pytest.mark.parametrize("name", ["TDL-A", "TDL-B", "TDL-C"])
def test_delay_profiles_are_those_that_sionna_ships(name: Any) -> None:
    text = (files("sionna") / f"phy/channel/tr38901/models/v16_1/{name}.json").read_text()
    theirs = json.loads(text)
    delays, powers = delay_profile(name)
    np.testing.assert_array_equal(delays, theirs["delays"])
    np.testing.assert_allclose(10 * np.log10(powers / powers.max()), theirs["powers"], atol=1e-9)
    # The table is normalised to a delay spread of 1, in four digits.
    spread = math.sqrt(powers @ delays**2 - (powers @ delays) ** 2)
    assert spread == pytest.approx(1, abs=1e-4)


def test_a_report_takes_its_part_of_a_slot() -> None:
    grid = UplinkGrid.of(293, pilot_symbols=1)
    # 293 / (12 x 13) blocks, each with a symbol of 12 pilots.
    assert (grid.n_prbs, grid.n_hops, grid.n_pilots) == (2, 1, 24)
    hopping = UplinkGrid.of(293, pilot_symbols=1, hop_prbs=50)
    assert (hopping.n_prbs, hopping.n_hops, hopping.n_pilots) == (3, 2, 2 * 36)
    places = hopping.data_places
    assert np.bincount(places // 36).tolist() == [147, 146]
    counts = np.bincount(places, minlength=72)
    # At most six symbols of a hop carry data.
    assert (counts.min(), counts.max()) == (4, 5)
    assert hopping.subcarriers[36] == 50 * 12
    with pytest.raises(FeedbackInputError, match="3600 symbols over 299 resource blocks of a slot, hop included, exp"):
        UplinkGrid.of(3600, pilot_symbols=1, hop_prbs=274)


def reports(batch: int, n_bits: int) -> Codeword:
    return Codeword(random_bits(batch, n_bits), value_bits=n_bits, level_bits=1)


def test_pilots_count_among_the_resources() -> None:
    sent = reports(1, 282)
    plain = Uci(parameters()).resource_elements(sent)
    assert plain == 293
    assert Uci(parameters(channel_estimation=PILOTS)).resource_elements(sent) == 293 + 24
    known = {"name": "perfect", "pilot_symbols": 2}
    assert Uci(parameters(channel_estimation=known)).resource_elements(sent) == 293 + 2 * 36
    # Wider than a carrier only where its place in one counts.
    wide = reports(1, 50_000)
    assert Uci(parameters()).resource_elements(wide) > 12 * 14 * 275
    with pytest.raises(FeedbackInputError, match="expected 275 at most"):
        Uci(parameters(channel_estimation=PILOTS)).resource_elements(wide)


def test_lost_reports_are_those_whose_combined_snr_is_too_low() -> None:
    # 30 bits in 41 symbols: hardly one arrives below -4 dB, hardly one is lost above 2 dB. Outage of four Rayleigh
    # branches is the distribution of a gamma variable; 4 binomial standard deviations.
    n, snr_db = 400, -3.0
    link = Uci(parameters(snr_db=snr_db, fading="rayleigh", bs_antennas=4))
    erased = link.transmit(reports(n, 30), draw(n)).erased
    assert erased is not None
    low, high = (gammainc(4, 10 ** ((threshold - snr_db) / 10)) for threshold in (-4, 2))
    lost = float(erased.double().mean())
    assert low - 4 * math.sqrt(low / n) < lost < high + 4 * math.sqrt(high / n)
    alone = Uci(parameters(snr_db=snr_db, fading="rayleigh")).transmit(reports(n, 30), draw(n)).erased
    assert alone is not None
    assert lost < 0.8 * float(alone.double().mean())


def test_hops_are_worth_diversity() -> None:
    n = 300
    lost = {}
    for hop_prbs in (0, 60):
        its = SELECTIVE | {"snr_db": 8.0}
        its["multipath"] = its["multipath"] | {"hop_prbs": hop_prbs}
        erased = Uci(parameters(**its)).transmit(reports(n, 40), draw(n)).erased
        assert erased is not None
        lost[hop_prbs] = float(erased.double().mean())
    assert 0 < lost[60] < 0.8 * lost[0]


@pytest.mark.parametrize("estimation", [{"name": "perfect"}, PILOTS, {"name": "pilots"}])
def test_an_uplink_depends_on_no_batch(estimation: dict[str, Any]) -> None:
    its = SELECTIVE | {"bs_antennas": 2, "channel_estimation": estimation, "snr_db": -2.0}
    link, sent = Uci(parameters(**its)), reports(20, 40)
    generators = [torch.Generator().manual_seed(i) for i in range(20)]
    together = link.transmit(sent, lambda shape: torch.stack([torch.randn(shape, generator=g) for g in generators]))
    assert together.erased is not None
    for row in range(0, 20, 5):
        one = Codeword(sent.values[row : row + 1], value_bits=40, level_bits=1)
        alone = link.transmit(one, draw(1, row))
        assert torch.equal(alone.values[0], together.values[row])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fading": "selective"}, "without multipath, expected multipath: {delay_spread_s: ...}"),
        ({"multipath": {"delay_spread_s": 1e-7}}, "got multipath with fading: none, expected fading: selective"),
        ({"channel_estimation": {"name": "perfect", "method": "ls"}}, "expected name: pilots"),
        ({"channel_estimation": {"name": "pilots", "pilot_symbols": 0}}, "expected 1 to 4"),
        ({"payload_bits": 1706, "code_rate": 0.08}, "got reports of 1706 bits at code_rate 0.08, 10732 coded bits a"),
        (
            {"payload_bits": 90_000, "channel_estimation": PILOTS},
            "over 579 resource blocks of a slot, hop included, exp",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(expected)):
        parameters(**given)
