"""What arrives at the BS: rows of bits, which may be no report."""

import numpy as np
from numpy.typing import NDArray

from feedback.errors import FeedbackInputError


def check_bits(bits: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
    """Passes rows of bits and their lengths.

    Raises:
        FeedbackInputError: if there is something else than bits, or a length beyond the width.
    """
    if bits.ndim != 2 or (bits > 1).any() or lengths.shape != bits.shape[:1]:
        raise FeedbackInputError("context codec: got something else than rows of bits, expected 0 and 1 alone")
    if (lengths < 0).any() or (lengths > bits.shape[1]).any():
        raise FeedbackInputError(f"context codec: got lengths beyond the {bits.shape[1]} bits there are")


def no_stream(stream: NDArray[np.uint8], arrived: NDArray[np.int64], used: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the bits that arrived are no stream of levels with zeros behind, ``[n]``."""
    place = np.arange(stream.shape[1])
    filled = (stream != 0) & (place >= used[:, None]) & (place < arrived[:, None])
    wrong: NDArray[np.bool_] = (used < 0) | (used > arrived) | filled.any(axis=1)
    return wrong
