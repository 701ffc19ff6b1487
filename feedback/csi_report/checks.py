"""Checks of codeword values, with the name of the stage that found them unusable."""

from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError


def check_training(stage: str, values: Tensor) -> None:
    """Passes training codewords ``[n, length]`` that something can be learnt from.

    Raises:
        FeedbackInputError: if there are no codewords, or one is not finite.
    """
    if len(values) == 0 or not values.isfinite().all():
        raise FeedbackInputError(
            f"{stage}: got {len(values)} training codewords or values that are not finite, "
            "expected at least one codeword and finite values"
        )


def check_values(stage: str, codeword: Codeword, length: int | None = None) -> None:
    """Passes codewords of finite values, and of the expected length where there is one.

    Raises:
        FeedbackInputError: if the length differs, or a value is NaN or infinite.
    """
    found = codeword.values.shape[1]
    if length is not None and found != length:
        raise FeedbackInputError(f"{stage}: got codewords of {found} values, expected {length}")
    if not codeword.values.isfinite().all():
        raise FeedbackInputError(f"{stage}: got NaN or infinity among codeword values, expected finite ones")
