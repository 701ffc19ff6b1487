"""Links, codeword quantisers and the scale's quantiser against their closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

import feedback.links
import feedback.quantisers  # noqa: F401 - registers the quantisers
from feedback.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.side_information import ScaleQuantiser


def link(name: str, **parameters: float) -> FeedbackLink:
    link_class = LINKS.get_class(name)
    return link_class(link_class.Parameters(**parameters))


def quantiser(name: str, **parameters: int) -> Quantiser:
    quantiser_class = QUANTISERS.get_class(name)
    return quantiser_class(quantiser_class.Parameters(**parameters))


def seeded_draw(batch: int, seed: int = 0) -> NormalDraw:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(batch, *shape, generator=generator)


def codewords(batch: int = 400, length: int = 64) -> Codeword:
    generator = torch.Generator().manual_seed(5)
    values = torch.randn(batch, length, generator=generator) * torch.logspace(-3, 3, batch)[:, None]
    return Codeword(values, {"positions": torch.arange(batch)[:, None]}, side_bits=9)


def never(shape: tuple[int, ...]) -> Tensor:
    raise AssertionError("drew a random number")


def test_perfect_link_changes_nothing() -> None:
    sent = codewords()
    assert link("perfect").transmit(sent, never) is sent


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 40.0])
def test_awgn_error_is_the_inverse_snr_of_every_report(snr_db: float) -> None:
    sent = codewords()
    received = link("awgn", snr_db=snr_db).transmit(sent, seeded_draw(len(sent.values)))
    error = (received.values - sent.values).double().square().mean(dim=1)
    ratio = error / sent.values.double().square().mean(dim=1) * 10 ** (snr_db / 10)
    # Mean of N = 400 x 64 squared standard normals: standard deviation sqrt(2 / N) = 0.0088; 4 of them.
    assert float(ratio.mean()) == pytest.approx(1, abs=4 * math.sqrt(2 / ratio.numel() / 64))
    # Each report by itself: 64 values, standard deviation 0.18; 6 of them cover 400 reports. At 40 dB the float32
    # rounding of values is 1e-5 of the noise.
    assert float((ratio - 1).abs().max()) < 6 * math.sqrt(2 / 64)


def test_awgn_protects_side_information_and_leaves_a_silent_report_silent() -> None:
    sent = Codeword(torch.zeros(3, 8), {"positions": torch.arange(3)}, side_bits=4)
    received = link("awgn", snr_db=0.0).transmit(sent, seeded_draw(3))
    assert torch.equal(received.values, sent.values)
    assert received.side is sent.side
    assert received.side_bits == 4


def test_awgn_refuses_level_numbers() -> None:
    with pytest.raises(FeedbackInputError, match="link awgn: got quantised values, expected"):
        link("awgn", snr_db=0.0).transmit(Codeword(torch.zeros(1, 8), value_bits=16), never)


@pytest.mark.parametrize("snr_db", [float("nan"), float("inf"), 1e9])
def test_awgn_refuses_absurd_snr(snr_db: float) -> None:
    with pytest.raises(ValidationError):
        link("awgn", snr_db=snr_db)


def test_no_quantiser_leaves_an_analogue_report() -> None:
    sent = codewords()
    analogue = quantiser("none")
    analogue.fit(sent.values)
    assert analogue.quantise(sent) is sent
    assert analogue.dequantise(sent) is sent
    assert sent.bits is None


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
def test_uniform_error_is_at_most_half_a_cell_inside_the_range(bits: int) -> None:
    sent = codewords()
    uniform = quantiser("uniform", bits=bits)
    uniform.fit(sent.values)
    quantised = uniform.quantise(sent)
    assert quantised.value_bits == 64 * bits
    assert quantised.bits == 64 * bits + 9
    assert torch.equal(quantised.values, quantised.values.round())
    assert quantised.values.min() == 0
    assert quantised.values.max() == 2**bits - 1
    cell = (sent.values.amax(0) - sent.values.amin(0)) / 2**bits
    error = (uniform.dequantise(quantised).values - sent.values).abs()
    # Float32 rounding of a value in a range of 2^16 cells: 2^-24 2^17 of a cell or less.
    assert (error <= cell * (0.5 + 2.0**-6)).all()


def test_uniform_error_on_uniform_values_is_a_twelfth_of_a_squared_cell() -> None:
    values = torch.rand(20000, 4, generator=torch.Generator().manual_seed(1))
    uniform = quantiser("uniform", bits=4)
    uniform.fit(values)
    error = (uniform.dequantise(uniform.quantise(Codeword(values))).values - values).double().square().mean()
    # e^2 of uniform e has relative standard deviation sqrt(4 / 5); 80000 values, 4 of them: 1.3 %. The range falls
    # short of [0, 1] by 1e-4.
    assert float(error) == pytest.approx(2.0**-8 / 12, rel=0.013)


def test_uniform_clips_outside_the_range_and_stands_a_constant_element() -> None:
    uniform = quantiser("uniform", bits=3)
    uniform.fit(torch.tensor([[0.0, 5.0], [8.0, 5.0]]))
    sent = uniform.quantise(Codeword(torch.tensor([[-100.0, 5.0], [100.0, 7.0]])))
    assert sent.values[:, 0].tolist() == [0, 7]
    assert uniform.dequantise(sent).values.tolist() == [[0.5, 5.0], [7.5, 5.0]]


def test_uniform_keeps_what_it_learnt() -> None:
    uniform, other = quantiser("uniform", bits=3), quantiser("uniform", bits=3)
    sent = codewords()
    uniform.fit(sent.values)
    other.load_state(uniform.state())
    assert torch.equal(other.quantise(sent).values, uniform.quantise(sent).values)
    for wrong in ({}, {"low": torch.zeros(2)}, {"low": torch.zeros(2), "step": torch.tensor([1.0, -1.0])}):
        with pytest.raises(FeedbackInputError, match="expected"):
            other.load_state(wrong)


def test_uniform_refuses_what_it_cannot_quantise() -> None:
    uniform = quantiser("uniform", bits=3)
    with pytest.raises(FeedbackInputError, match="expected fit"):
        uniform.quantise(codewords())
    for values in (torch.zeros(0, 4), torch.full((2, 4), float("nan"))):
        with pytest.raises(FeedbackInputError, match="expected at least one codeword and finite values"):
            uniform.fit(values)
    uniform.fit(torch.rand(9, 4))
    with pytest.raises(FeedbackInputError, match="got codewords of 64 values, expected 4"):
        uniform.quantise(codewords())


@given(bits=st.integers(1, 16), scale_db=st.floats(-59.9, 59.9))
def test_scale_error_is_at_most_half_a_step(bits: int, scale_db: float) -> None:
    scale = ScaleQuantiser(bits)
    levels = scale.encode(torch.tensor([10 ** (scale_db / 20)]))
    assert 0 <= int(levels) < 2**bits
    rebuilt_db = 20 * math.log10(float(scale.decode(levels)))
    # Float32 amplitudes round at 2^-24, 5e-7 dB.
    assert abs(rebuilt_db - scale_db) <= 60 / 2**bits + 2e-6


def test_scale_of_32_bits_is_exact_and_of_0_bits_is_one() -> None:
    scales = torch.logspace(-4, 4, 9)
    assert torch.equal(ScaleQuantiser(32).decode(ScaleQuantiser(32).encode(scales)), scales)
    unsent = ScaleQuantiser(0).encode(scales)
    assert unsent.unique().tolist() == [0]
    assert torch.equal(ScaleQuantiser(0).decode(unsent), torch.ones(9))


def test_scale_clips_outside_its_range() -> None:
    scale = ScaleQuantiser(4)
    assert scale.encode(torch.tensor([0.0, 1e-9, 1e9])).tolist() == [0, 0, 15]


@pytest.mark.parametrize("bits", [-1, 17, 31, 33])
def test_scale_refuses_other_bit_counts(bits: int) -> None:
    with pytest.raises(FeedbackInputError, match=f"scale bits: got {bits}, expected"):
        ScaleQuantiser(bits)


@pytest.mark.parametrize("bits", [0, 8, 32])
@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -1.0])
def test_scale_refuses_what_is_no_amplitude(bits: int, scale: float) -> None:
    with pytest.raises(FeedbackInputError, match="expected a finite amplitude"):
        ScaleQuantiser(bits).encode(torch.tensor([1.0, scale]))
