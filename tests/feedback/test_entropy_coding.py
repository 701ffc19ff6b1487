"""Range coding and the entropy-coded quantiser: exact decoding, and lengths against the entropy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS
from feedback.quantisers.entropy_coded import EntropyCoded
from feedback.quantisers.range_coding import range_decode, range_encode


def build(cells: int) -> EntropyCoded:
    quantiser = QUANTISERS.get_class("entropy_coded")(EntropyCoded.Parameters(cells=cells))
    assert isinstance(quantiser, EntropyCoded)
    return quantiser


def laplacian(n: int, length: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    signs = torch.rand(n, length, generator=generator) - 0.5
    return -signs.sign() * (1 - 2 * signs.abs()).log() * torch.logspace(0, -2, length)


@given(data=st.data())
def test_range_coding_is_exact_and_as_short_as_the_interval(data: st.DataObject) -> None:
    n, n_symbols = data.draw(st.integers(1, 40)), data.draw(st.integers(2, 30))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    concentration = 10.0 ** data.draw(st.floats(-2, 2))
    priors = (generator.dirichlet(np.full(n_symbols, concentration), n) + 1e-5).astype(np.float32)
    priors /= priors.sum(axis=1, keepdims=True)
    likely = priors.argmax(axis=1)
    symbols = np.where(generator.random(n) < 0.5, likely, generator.integers(0, n_symbols, n)).astype(np.int32)
    bits = range_encode(symbols, priors)
    assert np.array_equal(range_decode(bits, priors), symbols)
    # Whatever follows: no bitstream begins with another.
    for follower in (np.ones(70, np.uint8), generator.integers(0, 2, 70).astype(np.uint8)):
        assert np.array_equal(range_decode(np.concatenate([bits, follower]), priors), symbols)
    information = -np.log2(priors[np.arange(n), symbols].astype(np.float64)).sum()
    # Probabilities of 1e-5 and more are rounded by n_symbols 2^-24 at most: 0.25 bit a symbol if all are so unlikely.
    unlikely = (priors[np.arange(n), symbols] < 1e-3).sum()
    rounding = 0.25 * unlikely + 0.01 * n
    assert information - rounding <= len(bits) < information + 2 + rounding


def test_a_nearly_certain_report_costs_next_to_nothing() -> None:
    priors = np.array([[1e-7, 1 - 2e-7, 1e-7]] * 4, np.float32)
    bits = range_encode(np.ones(4, np.int32), priors)
    # An interval that falls short of [0, 1) on both sides holds no half of it.
    assert len(bits) == 2
    assert range_decode(bits, priors).tolist() == [1, 1, 1, 1]


def test_a_bitstream_that_no_report_has_is_refused() -> None:
    with pytest.raises(FeedbackInputError, match="bitstream of 300 bits: got one that no report has"):
        range_decode(np.ones(300, np.uint8), np.full((2000, 3), 1 / 3, np.float32))


@pytest.mark.parametrize("cells", [2, 16, 100])
def test_ten_thousand_reports_are_decoded_exactly_at_the_length_of_the_entropy(cells: int) -> None:
    n, length = 10000, 24
    values = laplacian(n, length, seed=0)
    quantiser = build(cells)
    quantiser.fit(values)
    sent = quantiser.quantise(Codeword(values))
    state = quantiser.state()
    numbers = ((values - state["mean"]) / state["step"]).round()
    assert torch.equal(quantiser.dequantise(sent).values, state["mean"] + numbers * state["step"])
    assert isinstance(sent.value_bits, torch.Tensor)
    mean_bits = float(sent.value_bits.double().mean())
    entropy = 0.0
    for element in numbers.T:
        shares = element.unique(return_counts=True)[1].double() / n
        entropy -= float((shares * shares.log2()).sum())
    # The coder needs less than 2 bits more than the information. Smoothing by one codeword in 10000 costs
    # log2(10001 / 10000) = 1.4e-4 bit an element.
    assert entropy <= mean_bits < entropy + 2 + 1e-3 * length
    assert mean_bits < 1.02 * entropy + 2


def test_other_reports_than_those_in_training_are_decoded_exactly() -> None:
    quantiser = build(cells=40)
    quantiser.fit(laplacian(300, 24, seed=0))
    state = quantiser.state()
    values = laplacian(10000, 24, seed=1) * 3
    reach = state["priors"].shape[1] // 2
    numbers = ((values - state["mean"]) / state["step"]).round().clamp(-reach, reach)
    rebuilt = quantiser.dequantise(quantiser.quantise(Codeword(values))).values
    assert torch.equal(rebuilt, state["mean"] + numbers * state["step"])


@given(
    values=st.lists(st.floats(-(2.0**126), 2.0**126, width=32), min_size=4, max_size=4),
    scale=st.sampled_from([0.0, 1e-30, 1.0, 1e30]),
)
def test_any_finite_report_is_decoded(values: list[float], scale: float) -> None:
    quantiser = build(cells=8)
    quantiser.fit(laplacian(50, 4, seed=0) * scale)
    codeword = Codeword(torch.tensor([values]))
    sent = quantiser.quantise(codeword)
    rebuilt = quantiser.dequantise(sent).values
    assert rebuilt.isfinite().all()
    # Quantising what was rebuilt gives the same bits: decoding was exact.
    assert torch.equal(quantiser.quantise(Codeword(rebuilt)).values, sent.values)


def test_error_inside_the_range_is_at_most_half_a_cell() -> None:
    values = laplacian(2000, 8, seed=0)
    quantiser = build(cells=64)
    quantiser.fit(values)
    error = quantiser.dequantise(quantiser.quantise(Codeword(values))).values - values
    # Float32 rounding at 2^-24 of a range of 64 cells.
    assert float(error.abs().max()) <= float(quantiser.state()["step"]) * (0.5 + 1e-5)


def test_entropy_coding_beats_fixed_length_at_the_same_error() -> None:
    values = laplacian(5000, 24, seed=0)
    coded, fixed = build(cells=64), QUANTISERS.get_class("uniform")
    uniform = fixed(fixed.Parameters(bits=6))
    coded.fit(values)
    uniform.fit(values)
    bits = coded.quantise(Codeword(values)).value_bits
    assert isinstance(bits, torch.Tensor)
    assert float(bits.double().mean()) < 0.5 * 24 * 6


def test_refuses_reports_without_lengths_and_impossible_priors() -> None:
    quantiser = build(cells=8)
    quantiser.fit(laplacian(50, 4, seed=0))
    with pytest.raises(FeedbackInputError, match="got no lengths of bitstreams"):
        quantiser.dequantise(Codeword(torch.zeros(1, 4), value_bits=16))
    state = quantiser.state()
    for wrong in (state["priors"][:, 1:], torch.zeros_like(state["priors"])):
        with pytest.raises(FeedbackInputError, match="expected an odd number, probabilities above 0"):
            quantiser.load_state(state | {"priors": wrong})
