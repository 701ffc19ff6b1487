"""What every link and every denoiser must obey, and the bit errors of the binary symmetric channel."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.csi_report.side_format import LevelFormat
from feedback.denoiser import DENOISERS, Denoiser
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, NormalDraw

LINK_NAMES = sorted(LINKS.keys())
DENOISER_NAMES = sorted(DENOISERS.keys())

# Values of parameters that a link requires, or needs for some signal, by name.
NEEDED: dict[str, Any] = {"snr_db": 7.0, "flip_rate": 0.1, "payload_bits": 50}

SIDE: dict[str, Any] = {"side": {"k": torch.arange(6)}, "side_bits": 3, "side_formats": {"k": LevelFormat(3)}}

# Parameters that keep a fit short, by name.
QUICK: dict[str, Any] = {"dnnnet": {"width": 16, "epochs": 2}}

SIGNALS = {
    "analogue": Codeword(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), **SIDE),
    "levels": Codeword(
        torch.randint(0, 16, (6, 8), generator=torch.Generator().manual_seed(0)).float(),
        value_bits=32,
        level_bits=4,
        **SIDE,
    ),
    "bitstream": Codeword(torch.ones(6, 8), value_bits=torch.full((6,), 8), **SIDE),
}


def build(name: str, **parameters: float) -> FeedbackLink:
    link_class = LINKS.get_class(name)
    fields = link_class.Parameters.model_fields
    needed = {key: value for key, value in NEEDED.items() if key in fields}
    return link_class(link_class.Parameters(name=name, **(needed | parameters)))


def build_denoiser(name: str) -> Denoiser:
    denoiser_class = DENOISERS.get_class(name)
    return denoiser_class(denoiser_class.Parameters(name=name, **QUICK.get(name, {})))


def draws(first: int, stop: int) -> NormalDraw:
    """One stream per sample, as the chain has it."""
    generators = [torch.Generator().manual_seed(i) for i in range(first, stop)]
    return lambda shape: torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def rows(codeword: Codeword, first: int, stop: int) -> Codeword:
    bits = codeword.value_bits
    return Codeword(
        codeword.values[first:stop],
        {name: side[first:stop] for name, side in codeword.side.items()},
        codeword.side_bits,
        bits[first:stop] if isinstance(bits, Tensor) else bits,
        codeword.level_bits,
        side_formats=codeword.side_formats,
    )


@pytest.mark.parametrize(("name", "signal"), list(itertools.product(LINK_NAMES, SIGNALS)))
def test_a_link_carries_what_it_says_and_refuses_the_rest(name: str, signal: str) -> None:
    link, sent = build(name), SIGNALS[signal]
    if signal not in link.carries:
        with pytest.raises(FeedbackInputError, match=f"link {name}: got .*, expected"):
            link.transmit(sent, draws(0, 6))
        return
    received = link.transmit(sent, draws(0, 6))
    assert received.values.dtype == torch.float32
    assert received.values.isfinite().all()
    if signal == "bitstream":
        # A link may hand over more bits than the stream has, whose end the BS finds by itself.
        assert received.values.shape[1] >= sent.values.shape[1]
        assert isinstance(received.value_bits, Tensor)
        assert (received.value_bits >= sent.value_bits).all()
    else:
        assert received.values.shape == sent.values.shape
        assert received.value_bits == sent.value_bits
    assert received.side_bits == sent.side_bits
    assert received.level_bits == sent.level_bits
    assert (received.erased is not None) == (link.loses_reports or (link.garbles_bits and signal == "bitstream"))
    if received.erased is not None:
        assert not received.erased.any()
    assert all(torch.equal(received.side[name], side) for name, side in sent.side.items())
    assert (link.resource_elements(sent) is None) == (not link.loses_reports)
    # Same streams, same digits; and the reports of a batch do not influence each other.
    assert torch.equal(link.transmit(sent, draws(0, 6)).values, received.values)
    for row in range(6):
        alone = link.transmit(rows(sent, row, row + 1), draws(row, row + 1))
        assert torch.equal(alone.values[0], received.values[row])


@pytest.mark.parametrize("name", LINK_NAMES)
def test_the_noise_level_a_link_states_is_that_of_its_noise(name: str) -> None:
    link = build(name)
    if "analogue" not in link.carries:
        pytest.skip("no analogue values")
    sent = Codeword(torch.randn(2000, 16, generator=torch.Generator().manual_seed(1)))
    generator = torch.Generator().manual_seed(2)
    received = link.transmit(sent, lambda shape: torch.randn(2000, *shape, generator=generator))
    ratio = (received.values - sent.values).square().mean(1) / sent.values.square().mean(1)
    # Mean of 32000 squared normals: relative standard deviation sqrt(2 / 32000) = 0.8 %; 4 of them.
    assert float(ratio.mean()) == pytest.approx(link.noise_to_signal, rel=0.032)


def levels(batch: int, length: int, bits: int) -> Codeword:
    values = torch.randint(0, 2**bits, (batch, length), generator=torch.Generator().manual_seed(3)).float()
    return Codeword(values, value_bits=length * bits, level_bits=bits)


@pytest.mark.parametrize("bits", [1, 3, 8, 16])
@pytest.mark.parametrize("flip_rate", [0.003, 0.1, 0.5])
def test_bsc_flips_each_bit_at_its_rate(flip_rate: float, bits: int) -> None:
    sent = levels(1000, 30, bits)
    received = build("bsc", flip_rate=flip_rate).transmit(sent, draws(0, 1000))
    wrong = sent.values.long() ^ received.values.long()
    assert 0 <= received.values.min() <= received.values.max() < 2**bits
    # A binomial of 30000 trials for each of the bits: 5 standard deviations, as there are 84 of them in all.
    deviation = math.sqrt(flip_rate * (1 - flip_rate) / 30000)
    for place in range(bits):
        assert float((wrong >> place & 1).double().mean()) == pytest.approx(flip_rate, abs=5 * deviation)
    # Flips are independent, so a level of B bits survives at rate (1 - p)^B.
    survives = (1 - flip_rate) ** bits
    deviation = math.sqrt(survives * (1 - survives) / 30000)
    assert float((wrong == 0).double().mean()) == pytest.approx(survives, abs=5 * deviation)


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_bsc_without_flips_is_the_perfect_link(bits: int) -> None:
    sent = levels(50, 20, bits)
    assert torch.equal(build("bsc", flip_rate=0.0).transmit(sent, draws(0, 50)).values, sent.values)


@given(low=st.floats(0, 0.5), high=st.floats(0, 0.5))
def test_bsc_flips_at_a_low_rate_are_among_those_at_a_high_one(low: float, high: float) -> None:
    low, high = sorted((low, high))
    sent = levels(20, 10, 4)
    few, many = (
        sent.values.long() ^ build("bsc", flip_rate=rate).transmit(sent, draws(0, 20)).values.long()
        for rate in (low, high)
    )
    assert torch.equal(few & many, few)


@pytest.mark.parametrize("flip_rate", [-0.1, 0.6, math.nan])
def test_bsc_refuses_what_is_no_rate(flip_rate: float) -> None:
    with pytest.raises(ValidationError):
        build("bsc", flip_rate=flip_rate)


def correlated(n: int, seed: int, length: int = 8) -> Tensor:
    """Codewords of a given mean and covariance."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(length, length, generator=torch.Generator().manual_seed(9)) * torch.logspace(0.5, -1.5, length)
    return torch.randn(n, length, generator=generator) @ mixing.T + torch.linspace(-0.5, 1, length)


@pytest.mark.parametrize(("name", "signal"), list(itertools.product(DENOISER_NAMES, SIGNALS)))
def test_a_denoiser_accepts_what_it_says_and_refuses_the_rest(name: str, signal: str) -> None:
    denoiser, received = build_denoiser(name), SIGNALS[signal]
    denoiser.fit(correlated(500, 0))
    if signal not in denoiser.accepts:
        with pytest.raises(FeedbackInputError, match=f"denoiser {name}: got .*, expected"):
            denoiser.denoise(received, 0.1)
        return
    denoised = denoiser.denoise(received, 0.1)
    assert denoised.values.shape == received.values.shape
    assert denoised.values.dtype == torch.float32
    assert denoised.side is received.side
    assert denoised.value_bits is received.value_bits
    for row in range(6):
        alone = denoiser.denoise(rows(received, row, row + 1), 0.1).values[0]
        # Sums over 8 products in another order.
        torch.testing.assert_close(alone, denoised.values[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DENOISER_NAMES)
def test_a_denoiser_survives_save_and_load(name: str) -> None:
    denoiser, other = build_denoiser(name), build_denoiser(name)
    denoiser.fit(correlated(500, 0))
    other.load_state({key: tensor.clone() for key, tensor in denoiser.state().items()})
    received = Codeword(correlated(5, 1))
    assert torch.equal(other.denoise(received, 0.3).values, denoiser.denoise(received, 0.3).values)
    with pytest.raises(FeedbackInputError, match="expected"):
        other.load_state({"not_a_name": torch.zeros(2)})
    for key, tensor in denoiser.state().items():
        with pytest.raises(FeedbackInputError, match="expected"):
            other.load_state(denoiser.state() | {key: torch.full_like(tensor, math.nan)})


@pytest.mark.parametrize("name", DENOISER_NAMES)
def test_without_noise_a_denoiser_changes_nothing(name: str) -> None:
    denoiser = build_denoiser(name)
    denoiser.fit(correlated(500, 0))
    received = Codeword(correlated(5, 1))
    assert denoiser.denoise(received, 0.0) is received


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0])
def test_wiener_error_is_its_closed_form(snr_db: float) -> None:
    wiener, link = build_denoiser("wiener"), build("awgn", snr_db=snr_db)
    train, test = correlated(20000, 0), correlated(20000, 1)
    wiener.fit(train)
    generator = torch.Generator().manual_seed(2)
    received = link.transmit(Codeword(test), lambda shape: torch.randn(len(test), *shape, generator=generator))
    power = test.double().square().mean(1)
    relative = (wiener.denoise(received, link.noise_to_signal).values - test).double().square().mean(1) / power
    # The error of the best affine estimate: tr(C - C (C + N)^-1 C) / M, from moments of the test codewords.
    mean = (test / power[:, None]).sum(0) / (1 / power).sum()
    centred = (test - mean) / power[:, None].sqrt()
    covariance = centred.T @ centred / len(test)
    noise = link.noise_to_signal * torch.eye(8, dtype=torch.float64)
    least = float((covariance - covariance @ torch.linalg.solve(covariance + noise, covariance)).trace()) / 8
    # 4 standard errors; the moments come from other samples, which costs about 64 / 20000 of it.
    assert float(relative.mean()) == pytest.approx(least, abs=4 * float(relative.std()) / math.sqrt(20000), rel=0.005)
    assert least < link.noise_to_signal


def test_wiener_refuses_what_says_nothing() -> None:
    with pytest.raises(FeedbackInputError, match="denoiser wiener: got no mean"):
        build_denoiser("wiener").denoise(Codeword(torch.zeros(1, 8)), 0.1)
    for values in (torch.zeros(0, 8), torch.full((4, 8), math.nan), torch.zeros(4, 8)):
        with pytest.raises(FeedbackInputError, match=r"denoiser wiener: got .*, expected"):
            build_denoiser("wiener").fit(values)
