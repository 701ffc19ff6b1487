"""The finest step at which a report fits a payload, and fewer levels where none does."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import side_information
from feedback.context_codec.side_information import STEP_BITS

# How often the worth of a bit is made four times as large for reports that have to become shorter.
_QUADRUPLED = 10

# Steps, their context numbers, and bits at most, to: what is told ahead of the levels, bits, lengths.
Coded = Callable[
    [NDArray[np.float64], NDArray[np.int32], int | None],
    tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]],
]
# Which reports, and what a bit is worth to them, to their bits and lengths.
CodedAgain = Callable[[NDArray[np.bool_], int], tuple[NDArray[np.uint8], NDArray[np.int64]]]


def shortened(
    bits: NDArray[np.uint8], lengths: NDArray[np.int64], most: int | None, again: CodedAgain, rate_weight: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Reports of which none is longer than ``most``: levels are dropped until they fit, in the end all of them.

    Args:
        bits: of reports as they are, ``[n, longest]``.
        lengths: theirs, ``[n]``.
        most: bits at most; ``None``: any number.
        again: codes reports anew at a larger worth of a bit; at 0 with all levels zero.
        rate_weight: worth of a bit that the reports were coded with.
    """
    for larger in (*(rate_weight * 4**k for k in range(1, _QUADRUPLED + 1)), 0):
        if most is None or not (long := lengths > most).any():
            break
        shorter, needed = again(long, larger)
        lengths[long], bits[long] = needed, 0
        bits[long, : shorter.shape[1]] = shorter[:, : bits.shape[1]]
    return bits[:, : int(lengths.max(initial=0))], lengths


def finest_fit(
    n: int, room: int, coded: Coded
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Step numbers, what is told, bits and lengths of the finest steps whose bits fit into ``room``.

    Bits hardly ever grow with the step, so a bisection finds it; what is taken did fit. Where even the coarsest does
    not, levels are dropped.
    """
    # `coarse` fits, or is past the end; `fine` does not, or is before the beginning.
    fine, coarse = np.full(n, -1), np.full(n, 2**STEP_BITS)
    told, kept, lengths = np.zeros(n, np.int64), np.zeros((n, room), np.uint8), np.zeros(n, np.int64)
    for _ in range(STEP_BITS + 1):
        middle = np.clip((fine + coarse) // 2, 0, 2**STEP_BITS - 1)
        found, stream, needed = coded(side_information.steps(middle), side_information.context_steps(middle), None)
        taken = (needed <= room) & (middle < coarse)
        coarse = np.where(taken, middle, coarse)
        fine = np.where(needed > room, middle, fine)
        told[taken], lengths[taken], kept[taken] = found[taken], needed[taken], 0
        width = min(room, stream.shape[1])
        kept[taken, :width] = stream[taken, :width]
    if (over := coarse == 2**STEP_BITS).any():
        coarse[over] -= 1
        found, stream, needed = coded(side_information.steps(coarse), side_information.context_steps(coarse), room)
        told[over], lengths[over], kept[over] = found[over], needed[over], 0
        kept[over, : stream.shape[1]] = stream[over]
    return coarse, told, kept, lengths
