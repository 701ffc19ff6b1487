"""Gradients of values that a quantiser cuts off at its outermost levels."""

from typing import Any

import torch
from torch import Tensor


class _NotFurtherOut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, largest: float) -> Tensor:
        """The values themselves."""
        ctx.save_for_backward(values)
        ctx.largest = largest
        return values.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient, but for what would move a value that is cut off even further."""
        (values,) = ctx.saved_tensors
        outwards = (values.abs() > ctx.largest) & (values * gradient < 0)
        return gradient.masked_fill(outwards, 0), None


def not_further_out(values: Tensor, largest: float) -> Tensor:
    """Values whose gradient does not move them further beyond a modulus at which they are cut off.

    What comes back of such a value is the outermost level wherever it lies. With the gradient of the identity, training
    moves it outwards as long as the level is too small, to no effect but that others follow: in the end most values are
    at the outermost levels.
    """
    moved: Tensor = _NotFurtherOut.apply(values, largest)  # type: ignore[no-untyped-call]
    return moved
