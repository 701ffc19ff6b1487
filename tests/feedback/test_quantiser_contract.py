"""What every quantiser must obey; a new one is tested by being registered."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser

NAMES = sorted(QUANTISERS.keys())
DIGITAL = [name for name in NAMES if QUANTISERS.get_class(name).sends != "analogue"]
LEARNING = [name for name in NAMES if QUANTISERS.get_class(name).fit is not Quantiser.fit]
LENGTH = 12

# Values of parameters without which there is none, by name.
REQUIRED: dict[str, Any] = {"bits": 4, "dimension": 3, "cells": 20}


def build(name: str) -> Quantiser:
    quantiser_class = QUANTISERS.get_class(name)
    fields = quantiser_class.Parameters.model_fields
    parameters = {key: REQUIRED[key] for key in fields if key in REQUIRED}
    return quantiser_class(quantiser_class.Parameters(name=name, **parameters))


def codewords(n: int, seed: int = 0) -> Tensor:
    """Elements of falling deviation around means of their own, the last one constant."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n, LENGTH, generator=generator) * torch.logspace(0, -2, LENGTH) + torch.linspace(-1, 2, LENGTH)
    values[:, -1] = 0.7
    return values


@pytest.fixture(scope="module", params=NAMES)
def quantiser(request: pytest.FixtureRequest) -> Quantiser:
    fitted = build(request.param)
    fitted.fit(codewords(600))
    return fitted


def through(quantiser: Quantiser, values: Tensor) -> Tensor:
    return quantiser.dequantise(quantiser.quantise(Codeword(values))).values


def test_shapes_dtypes_and_side_information(quantiser: Quantiser) -> None:
    sent = Codeword(codewords(9, seed=1), {"positions": torch.arange(9)}, side_bits=5)
    quantised = quantiser.quantise(sent)
    assert quantised.side is sent.side
    assert quantised.side_bits == 5
    assert quantised.values.dtype == torch.float32
    assert len(quantised.values) == 9
    rebuilt = quantiser.dequantise(quantised)
    assert rebuilt.side is sent.side
    assert rebuilt.values.shape == sent.values.shape
    assert rebuilt.values.dtype == torch.float32
    assert rebuilt.values.isfinite().all()


def test_bit_count_is_what_is_sent(quantiser: Quantiser) -> None:
    sent = quantiser.quantise(Codeword(codewords(9, seed=1), side_bits=5))
    if quantiser.sends == "analogue":
        assert sent.bits is None
        assert sent.level_bits is None
    elif quantiser.sends == "levels":
        assert sent.level_bits is not None
        assert sent.value_bits == sent.values.shape[1] * sent.level_bits
        assert sent.bits == sent.value_bits + 5
        assert torch.equal(sent.values, sent.values.round())
        assert sent.values.min() >= 0
        assert sent.values.max() < 2**sent.level_bits
    else:
        assert isinstance(sent.value_bits, Tensor)
        assert isinstance(sent.bits, Tensor)
        assert sent.level_bits is None
        assert sent.bits.tolist() == [bits + 5 for bits in sent.value_bits.tolist()]
        assert set(sent.values.unique().tolist()) <= {0.0, 1.0}
        assert sent.values.shape[1] == sent.value_bits.max()


@pytest.mark.parametrize("name", ["uniform", "sigmoid_uniform", "mu_law", "lloyd_max"])
def test_scalar_quantisers_cost_their_bits_for_each_value(name: str) -> None:
    scalar = build(name)
    scalar.fit(codewords(50))
    assert scalar.quantise(Codeword(codewords(3))).bits == LENGTH * REQUIRED["bits"]


def test_vector_quantiser_costs_its_bits_for_each_piece() -> None:
    vector = build("vector")
    vector.fit(codewords(50))
    assert vector.quantise(Codeword(codewords(3))).bits == LENGTH // 3 * 4


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("n", [1, 4, 5, 16, 40, 63, 64, 85, 90])
def test_few_training_codewords_make_a_codebook(bits: int, n: int) -> None:
    """Also some that are all the same in most elements: fewer than code vectors, or about as many."""
    kind = QUANTISERS.get_class("vector")
    for values in (codewords(n), codewords(n).round()):
        vector = kind(kind.Parameters(name="vector", bits=bits, dimension=2))
        vector.fit(values)
        assert bool(through(vector, values).isfinite().all())


def test_reports_do_not_influence_each_other(quantiser: Quantiser) -> None:
    values = codewords(9, seed=1)
    together = quantiser.quantise(Codeword(values))
    rebuilt = quantiser.dequantise(together).values
    for row in range(len(values)):
        alone = quantiser.quantise(Codeword(values[row : row + 1]))
        assert torch.equal(quantiser.dequantise(alone).values[0], rebuilt[row])
        if isinstance(together.value_bits, Tensor) and isinstance(alone.value_bits, Tensor):
            assert alone.value_bits.item() == together.value_bits[row]


def test_no_report_at_all(quantiser: Quantiser) -> None:
    assert through(quantiser, torch.zeros(0, LENGTH)).shape == (0, LENGTH)


def test_what_was_learnt_survives_save_and_load(quantiser: Quantiser) -> None:
    other = build(quantiser.settings.name)
    other.load_state({name: tensor.clone() for name, tensor in quantiser.state().items()})
    values = codewords(9, seed=1)
    sent = quantiser.quantise(Codeword(values))
    assert torch.equal(other.quantise(Codeword(values)).values, sent.values)
    # The BS is another machine, so it rebuilds from what it received and what was learnt.
    assert torch.equal(other.dequantise(sent).values, quantiser.dequantise(sent).values)


def test_fit_is_repeatable(quantiser: Quantiser) -> None:
    again = build(quantiser.settings.name)
    again.fit(codewords(600))
    for name, tensor in quantiser.state().items():
        assert torch.equal(tensor, again.state()[name])


def test_refuses_what_another_quantiser_learnt(quantiser: Quantiser) -> None:
    with pytest.raises(FeedbackInputError, match="expected"):
        quantiser.load_state({"not_a_name": torch.zeros(3)})
    state = quantiser.state()
    for name, tensor in state.items():
        wrongs = [torch.full_like(tensor, math.nan), torch.zeros(tensor.shape, dtype=torch.int64), tensor[None, None]]
        for wrong in wrongs:
            with pytest.raises(FeedbackInputError, match="expected"):
                quantiser.load_state(state | {name: wrong})
        with pytest.raises(FeedbackInputError, match="missing"):
            quantiser.load_state({other: tensor for other, tensor in state.items() if other != name})


@pytest.mark.parametrize("name", LEARNING)
def test_refuses_to_work_before_it_has_learnt(name: str) -> None:
    with pytest.raises(FeedbackInputError, match=f"quantiser {name}: got no .*, expected fit"):
        build(name).quantise(Codeword(codewords(2)))


@pytest.mark.parametrize("name", LEARNING)
def test_refuses_training_codewords_that_say_nothing(name: str) -> None:
    for values in (torch.zeros(0, LENGTH), torch.full((50, LENGTH), math.nan)):
        with pytest.raises(FeedbackInputError, match="expected at least one codeword and finite values"):
            build(name).fit(values)


@pytest.mark.parametrize("name", DIGITAL)
def test_ten_thousand_codewords_come_back_to_the_bit(name: str) -> None:
    coder = build(name)
    coder.fit(codewords(600))
    sent = coder.quantise(Codeword(codewords(10_000, seed=1)))
    # The BS has rebuilt exactly what the UE sent, and nothing next to it, if that is sent again as the same bits.
    again = coder.quantise(coder.dequantise(sent))
    assert torch.equal(again.values, sent.values)
    if isinstance(sent.value_bits, Tensor):
        assert isinstance(again.value_bits, Tensor)
        assert torch.equal(again.value_bits, sent.value_bits)


@given(data=st.data())
def test_any_finite_codeword_comes_back_to_the_bit(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(DIGITAL))
    # Constant, tiny and huge codewords, to learn from and to send.
    coder = build(name)
    coder.fit(codewords(40) * data.draw(st.sampled_from([0.0, 1e-30, 1.0, 1e6])))
    size = data.draw(st.sampled_from([0.0, 1e-30, 1.0, 1e6, 1e30]))
    values = data.draw(st.lists(st.floats(-1, 1, width=32), min_size=LENGTH, max_size=LENGTH))
    sent = coder.quantise(Codeword(torch.tensor([values]) * size))
    rebuilt = coder.dequantise(sent)
    assert rebuilt.values.isfinite().all()
    assert torch.equal(coder.dequantise(coder.quantise(rebuilt)).values, rebuilt.values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_refuses_values_that_are_not_finite(quantiser: Quantiser, bad: float) -> None:
    if quantiser.sends == "analogue":
        pytest.skip("leaves values to the chain, which refuses what comes of them")
    values = codewords(3)
    values[1, 4] = bad
    with pytest.raises(FeedbackInputError, match="got NaN or infinity among codeword values"):
        quantiser.quantise(Codeword(values))


@pytest.mark.parametrize("name", sorted(set(LEARNING) & set(DIGITAL)))
def test_refuses_codewords_of_another_length(name: str) -> None:
    fitted = build(name)
    fitted.fit(codewords(50))
    with pytest.raises(FeedbackInputError, match=f"got codewords of {LENGTH - 3} values, expected {LENGTH}"):
        fitted.quantise(Codeword(codewords(2)[:, 3:]))


def test_huge_values_stay_finite_and_constant_elements_stay(quantiser: Quantiser) -> None:
    if quantiser.sends == "analogue":
        pytest.skip("nothing is quantised")
    values = torch.tensor([[1e30] * LENGTH, [-1e30] * LENGTH, [0.0] * LENGTH])
    values[:, -1] = 0.7
    rebuilt = through(quantiser, values)
    assert rebuilt.isfinite().all()
    if quantiser.settings.name in LEARNING:
        # Float32 rounding of a mean: 2^-24 of 0.7.
        torch.testing.assert_close(rebuilt[:, -1], torch.full((3,), 0.7), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", LEARNING)
def test_one_constant_codeword_is_rebuilt(name: str) -> None:
    constant = build(name)
    values = torch.linspace(-3, 3, LENGTH).expand(20, LENGTH)
    constant.fit(values)
    torch.testing.assert_close(through(constant, values), values, rtol=1e-6, atol=1e-6)


@settings(max_examples=40)
@given(data=st.data())
def test_training_codewords_come_back_within_their_range(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(LEARNING))
    scale = data.draw(st.floats(1e-6, 1e6))
    values = codewords(40, seed=data.draw(st.integers(0, 1000))) * scale
    fitted = build(name)
    fitted.fit(values)
    rebuilt = through(fitted, values)
    assert rebuilt.isfinite().all()
    # Cells reach half a cell beyond what was seen at most, and a cell is not wider than half of the widest range.
    reach = (values.amax(0) - values.amin(0)).amax() / 4
    assert (rebuilt >= values.amin(0) - reach - 1e-5 * scale).all()
    assert (rebuilt <= values.amax(0) + reach + 1e-5 * scale).all()


def test_straight_through_has_the_quantisers_value_and_the_identitys_gradient(quantiser: Quantiser) -> None:
    values = codewords(5, seed=1).requires_grad_()
    out = quantiser.straight_through(values)
    # The sum of a value and its error rounds at 2^-24 of operands up to 6.
    torch.testing.assert_close(out.detach(), through(quantiser, values.detach()), rtol=0, atol=1e-6)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, torch.ones_like(values))


def test_no_gradient_moves_a_value_further_beyond_the_outermost_level(quantiser: Quantiser) -> None:
    largest = quantiser.largest_value
    beyond = 2 * largest if math.isfinite(largest) else 10.0
    values = torch.tensor([[beyond], [-beyond]]).expand(2, LENGTH).clone().requires_grad_()
    # The sign of the gradient that moves each further out in descent.
    outwards = -values.detach().sign()
    for direction in (outwards, -outwards):
        values.grad = None
        quantiser.straight_through(values).backward(direction)
        assert values.grad is not None
        kept = direction is not outwards or math.isinf(largest)
        assert torch.equal(values.grad, direction if kept else torch.zeros_like(direction))


def test_largest_value_is_what_comes_back_of_any_larger(quantiser: Quantiser) -> None:
    if math.isinf(quantiser.largest_value):
        pytest.skip("its outermost levels are learnt")
    rebuilt = through(quantiser, torch.full((1, LENGTH), 1e3))
    torch.testing.assert_close(rebuilt, torch.full_like(rebuilt, quantiser.largest_value))
