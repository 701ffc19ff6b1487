"""What codecs whose reports are bitstreams share: how many bits a report may have, and reports coded in blocks."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec.limits import MAX_BITS, MAX_STEP, MIN_STEP
from feedback.errors import FeedbackInputError

# Rows of bits, zeros behind the end of each, ``[n, longest]``, and their lengths, ``[n]``.
Reports = tuple[NDArray[np.uint8], NDArray[np.int64]]


def check_mode(step: float | None, payload_bits: int | None, codec: str) -> None:
    """Passes exactly one of step and payload, and a step in its range.

    Args:
        step: quantiser step relative to the root mean square.
        payload_bits: bits of every report.
        codec: what is checked, in words.

    Raises:
        FeedbackInputError: for others.
    """
    if (step is None) == (payload_bits is None):
        raise FeedbackInputError(f"{codec}: got both or none of step and payload_bits, expected one")
    if step is not None and not MIN_STEP <= step <= MAX_STEP:
        raise FeedbackInputError(f"step: got {step:g}, expected {MIN_STEP:g} to {MAX_STEP:g}")


def check_room(payload_bits: int | None, max_bits: int | None, fewest_bits: Callable[[], int]) -> None:
    """Passes numbers of bits that a report of nothing but zeros fits into.

    Args:
        payload_bits: bits of every report.
        max_bits: bits that no report may exceed.
        fewest_bits: gives the bits of a report of nothing but zeros; asked for where one of them is given.

    Raises:
        FeedbackInputError: for others.
    """
    for key, bits in (("payload_bits", payload_bits), ("max_bits", max_bits)):
        if bits is not None and not (fewest := fewest_bits()) <= bits <= MAX_BITS:
            raise FeedbackInputError(
                f"{key}: got {bits}, expected {fewest} to {MAX_BITS}: a report of nothing but zeros takes {fewest}"
            )


def check_sequence(step: float | None, alone_every: int, max_bits: int | None, fewest_bits: Callable[[], int]) -> None:
    """Passes what reports that build on the one before can be made of.

    Args:
        step: quantiser step, which all reports share.
        alone_every: reports from one that stands alone to the next, at most.
        max_bits: bits that no report may exceed.
        fewest_bits: gives the bits of a report of nothing but zeros, what tells its place among them included; asked
            for where ``max_bits`` is given.

    Raises:
        FeedbackInputError: for others.
    """
    if step is None:
        raise FeedbackInputError("memory: got a codec without step, expected a step, which all reports share")
    if alone_every < 1:
        raise FeedbackInputError(f"alone_every: got {alone_every}, expected 1 or more")
    if max_bits is not None and max_bits < (fewest := fewest_bits()):
        raise FeedbackInputError(
            f"max_bits: got {max_bits}, expected {fewest} or more: a report of nothing but zeros takes {fewest} with "
            "memory"
        )


def joined(parts: Sequence[Reports]) -> Reports:
    """Reports that were coded in blocks, as one."""
    if not parts:
        return np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)
    longest = max(part.shape[1] for part, _ in parts)
    bits = [np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part, _ in parts]
    return np.concatenate(bits), np.concatenate([lengths for _, lengths in parts])
