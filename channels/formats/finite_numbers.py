"""Samples whose numbers have to be finite."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channels.errors import ChannelInputError


def require_finite(values: NDArray[Any], what: str, first: int = 0, axis: int = 0) -> None:
    """Refuses samples that hold NaN or infinity.

    Args:
        values: real or complex numbers of samples.
        what: file and variable, for the message.
        first: number of the first of these samples in the file.
        axis: the axis that counts samples.

    Raises:
        ChannelInputError: that names the first such sample.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    sample = first + int(np.argmin(np.moveaxis(finite, axis, 0).reshape(finite.shape[axis], -1).all(axis=1)))
    raise ChannelInputError(
        f"{what}: got NaN or infinity in sample {sample}, expected finite numbers in single precision"
    )
