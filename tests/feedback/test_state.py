"""Checks of learnt tensors that come from outside."""

import math

import pytest
import torch

from feedback.errors import FeedbackInputError
from feedback.state import all_finite, checked_state


@pytest.mark.parametrize("place", [0, 7, -1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_found_wherever_it_is(value: float, place: int) -> None:
    tensor = torch.randn(100)
    assert all_finite(tensor)
    tensor[place] = value
    assert not all_finite(tensor)
    with pytest.raises(FeedbackInputError, match="weight: got NaN or infinity"):
        checked_state({"weight": tensor}, {"weight": torch.empty(100)})


def test_no_values_and_numbers_alone_are_finite() -> None:
    assert all_finite(torch.empty(0, 3))
    assert all_finite(torch.tensor(1.0))
    assert not all_finite(torch.tensor(math.nan))


def test_what_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(FeedbackInputError, match="weight: got NaN or infinity"):
        checked_state({"weight": torch.tensor([1e200], dtype=torch.float64)}, {"weight": torch.empty(1)})
