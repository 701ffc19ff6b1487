"""Links, codeword quantisers and the scale's quantiser against their closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.csi_report.scale import EXACT_BITS, ScaleQuantiser, learnt_range, needs_range
from feedback.csi_report.side_format import LevelFormat
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.quantiser import QUANTISERS, Quantiser


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


RANGE_DB = (-100.0, -20.0)


@given(bits=st.sampled_from([*range(1, 17), 32]), scale_db=st.floats(-99.9, -20.1))
def test_scale_error_is_at_most_half_a_step(bits: int, scale_db: float) -> None:
    scale = ScaleQuantiser(bits, RANGE_DB)
    levels = scale.encode(torch.tensor([10 ** (scale_db / 20)]))
    assert 0 <= int(levels) < 2**bits
    rebuilt_db = 20 * math.log10(float(scale.decode(levels)))
    # Float32 amplitudes round at 2^-24, 5e-7 dB, before and after.
    assert abs(rebuilt_db - scale_db) <= 40 / 2**bits + 2e-6
    assert scale.format == LevelFormat(bits)


@given(bits=st.sampled_from([*range(1, 17), 32]), data=st.data())
def test_whatever_arrives_is_a_scale_within_the_range(bits: int, data: st.DataObject) -> None:
    levels = torch.tensor([data.draw(st.integers(0, 2**bits - 1))])
    rebuilt_db = 20 * math.log10(float(ScaleQuantiser(bits, RANGE_DB).decode(levels)))
    assert RANGE_DB[0] - 1e-6 <= rebuilt_db <= RANGE_DB[1] + 1e-6


def test_scale_of_32_bits_without_a_range_is_exact_and_of_0_bits_is_one() -> None:
    scales = torch.logspace(-4, 4, 9)
    exact = ScaleQuantiser(32)
    assert torch.equal(exact.decode(exact.encode(scales)), scales)
    # So no link that carries nothing but bits takes it.
    assert exact.format is None
    unsent = ScaleQuantiser(0).encode(scales)
    assert unsent.unique().tolist() == [0]
    assert torch.equal(ScaleQuantiser(0).decode(unsent), torch.ones(9))
    assert exact.outside(scales) is ScaleQuantiser(0).outside(scales) is None


def test_scale_saturates_outside_its_range_and_says_so() -> None:
    scale = ScaleQuantiser(4, (-20.0, 20.0))
    scales = torch.tensor([0.0, 1e-9, 0.1001, 9.99, 10.01, 1e9])
    assert scale.encode(scales).tolist() == [0, 0, 0, 15, 15, 15]
    assert scale.outside(scales).tolist() == [True, True, False, False, True, True]


@pytest.mark.parametrize("power_db", [-240.0, 0.0, 100.0])
def test_the_range_is_that_of_training_scales_and_a_guard(power_db: float) -> None:
    unit = 10 ** (power_db / 20)
    # 20 dB apart: 20 dB below, 5 dB above. 4 dB apart: 6 and 3 dB. Zeros say nothing. Float32 rounds at 1e-6 dB.
    wide = learnt_range(unit * torch.tensor([0.0, 1.0, 3.0, 10.0]))
    assert wide == pytest.approx((power_db - 20, power_db + 25), abs=1e-5)
    narrow = learnt_range(unit * torch.tensor([1.0, 10**0.2]))
    assert narrow == pytest.approx((power_db - 6, power_db + 7), abs=1e-5)


@pytest.mark.parametrize("bits", [0, 1, 8, 31, EXACT_BITS])
def test_a_range_is_learnt_for_what_is_quantised(bits: int) -> None:
    """The exact number needs one where wrong bits could make it any number; no bits need none."""
    assert needs_range(bits, over_bits=False) == (0 < bits < EXACT_BITS)
    assert needs_range(bits, over_bits=True) == (bits > 0)


@pytest.mark.parametrize("scales", [[], [0.0], [1.0, math.nan], [1.0, math.inf], [-1.0]])
def test_no_range_without_training_scales(scales: list[float]) -> None:
    with pytest.raises(FeedbackInputError, match="expected some"):
        learnt_range(torch.tensor(scales))


@pytest.mark.parametrize("bits", [-1, 17, 31, 33])
def test_scale_refuses_other_bit_counts(bits: int) -> None:
    with pytest.raises(FeedbackInputError, match=f"scale bits: got {bits}, expected"):
        ScaleQuantiser(bits, RANGE_DB)


@pytest.mark.parametrize("range_db", [None, (1.0, 1.0), (2.0, 1.0), (-math.inf, 1.0), (0.0, math.nan)])
def test_scale_refuses_what_is_no_range(range_db: tuple[float, float] | None) -> None:
    with pytest.raises(FeedbackInputError, match="scale range: got"):
        ScaleQuantiser(8, range_db)


@pytest.mark.parametrize("bits", [0, 8, 32])
@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -1.0])
def test_scale_refuses_what_is_no_amplitude(bits: int, scale: float) -> None:
    for range_db in (RANGE_DB, None) if bits != 8 else (RANGE_DB,):
        with pytest.raises(FeedbackInputError, match="expected a finite amplitude"):
            ScaleQuantiser(bits, range_db).encode(torch.tensor([1.0, scale]))
