"""The loss of networks whose codewords are entropy-coded: error and bits together."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from feedback.training.options import Pass


@dataclass(frozen=True)
class RateDistortionLoss:
    r"""Mean error of rebuilt images, and mean bits of reports times their weight, :math:`D + \lambda R`.

    Attributes:
        errors: images and what they are rebuilt to, to the error of each, ``[batch]``.
        weight: error per bit.
    """

    errors: Callable[[Tensor, Tensor], Tensor]
    weight: float

    def __call__(self, step: Pass) -> Tensor:
        """Loss of one step, a scalar."""
        assert step.bits is not None
        return self.errors(step.image, step.reconstruction).mean() + self.weight * step.bits.mean()
