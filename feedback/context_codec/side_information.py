"""What a report says ahead of its levels: scale, rotation of the angle axis, and where it has its own, the step."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from feedback.errors import FeedbackInputError

# Steps that a report may choose from: 12 an octave, from 2^-16/3 to 2^21/4 times the scale.
STEP_BITS = 7
STEPS_PER_OCTAVE = 12
UNIT_STEP = 64

_MAX_SCALE_BITS = 16


@dataclass(frozen=True)
class ScaleGrid:
    """The scales that a report can name, equally far apart in dB.

    A report is quantised relative to the scale that is sent, not to its own: between two of them its step is a little
    larger or smaller, and no error is made.

    Attributes:
        bits: of the scale's number.
        low_db: lower end of the first cell, dB of amplitude.
        cell_db: width of a cell; 1.5 dB move the step by 0.75 dB at most.

    Raises:
        FeedbackInputError: if the bits are not 0 to 16, or the grid is not finite and rising.
    """

    bits: int = 8
    low_db: float = -260.0
    cell_db: float = 1.5

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= _MAX_SCALE_BITS:
            raise FeedbackInputError(f"scale bits: got {self.bits}, expected 0 to {_MAX_SCALE_BITS}")
        if not (math.isfinite(self.low_db) and 0 < self.cell_db < math.inf):
            raise FeedbackInputError(
                f"scale grid: got cells of {self.cell_db:g} dB from {self.low_db:g} dB, expected positive finite cells"
            )

    def numbers(self, amplitude: NDArray[np.float64]) -> NDArray[np.int64]:
        """Numbers of amplitudes ``[n]``, 0 or more; those outside saturate."""
        with np.errstate(divide="ignore"):
            decibel = 20 * np.log10(amplitude)
        cell = np.floor((decibel - self.low_db) / self.cell_db)
        numbers: NDArray[np.int64] = np.clip(cell, 0, 2**self.bits - 1).astype(np.int64)
        return numbers

    def scales(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Middles of the cells ``[n]`` as amplitudes."""
        scales: NDArray[np.float64] = 10 ** ((self.low_db + (numbers + 0.5) * self.cell_db) / 20)
        return scales

    def outside(self, amplitude: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which amplitudes ``[n]`` lie beyond the grid."""
        with np.errstate(divide="ignore"):
            cell = np.floor((20 * np.log10(amplitude) - self.low_db) / self.cell_db)
        outside: NDArray[np.bool_] = (cell < 0) | (cell >= 2**self.bits)
        return outside


def step_number(step: float) -> int:
    """``round(16 log2(step))``, by integers alone: UE and BS come to the same number whatever their logarithm."""
    power = Fraction(step) ** 32
    octaves = power.numerator.bit_length() - power.denominator.bit_length()
    if Fraction(2) ** octaves > power:
        octaves -= 1
    return (octaves + 1) // 2


def steps(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Steps of their numbers in a report, ``0 .. 2^STEP_BITS - 1``, ``[n]``, relative to the scale."""
    found: NDArray[np.float64] = np.exp2((numbers - UNIT_STEP) / STEPS_PER_OCTAVE)
    return found


def context_steps(numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    """``round(16 log2(step))`` of steps by their numbers, ``[n]``."""
    sixteenths = (numbers - UNIT_STEP) * 16
    rounded: NDArray[np.int32] = ((2 * sixteenths + STEPS_PER_OCTAVE) // (2 * STEPS_PER_OCTAVE)).astype(np.int32)
    return rounded


def to_bits(numbers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Numbers ``[n]`` in natural binary, most significant bit first, ``[n, width]``."""
    bits: NDArray[np.uint8] = (numbers[:, None] >> np.arange(width)[::-1] & 1).astype(np.uint8)
    return bits


def from_bits(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Bits ``[n, width]``, most significant first, as numbers ``[n]``."""
    weights = 1 << np.arange(bits.shape[1], dtype=np.int64)[::-1]
    numbers: NDArray[np.int64] = bits.astype(np.int64) @ weights
    return numbers
