"""Sums of float64 values and of their products without rounding, so that they do not depend on order or grouping."""

import numpy as np
from numpy.typing import NDArray

# Every finite float64 is a multiple of 2^-1074, the smallest subnormal.
_UNIT_EXPONENT = 1074
_MANTISSA_BITS = 53
# Mantissas are added up in two halves, which leaves int64 room for 2^31 values at a time.
_HALF_BITS = 32
# Splits a float64 into two halves of 26 bits, whose products are exact (Dekker, Numer. Math. 18, 224-242, 1971).
_SPLITTER = float((1 << 27) + 1)


class ExactSum:
    """A sum held as an exact multiple of :math:`2^{-1074}`.

    Addition of such sums is associative and commutative to the last bit, which addition of floats is not.
    """

    def __init__(self, units: int = 0) -> None:
        self._units = units

    def add(self, values: NDArray[np.float64]) -> None:
        """Adds finite values of any shape."""
        mantissa, exponent = np.frexp(values.ravel())
        integers = np.ldexp(mantissa, _MANTISSA_BITS).astype(np.int64)
        levels, group = np.unique(exponent, return_inverse=True)
        high = np.zeros(len(levels), dtype=np.int64)
        low = np.zeros(len(levels), dtype=np.int64)
        np.add.at(high, group, integers >> _HALF_BITS)
        np.add.at(low, group, integers & ((1 << _HALF_BITS) - 1))
        for level, upper, lower in zip(levels.tolist(), high.tolist(), low.tolist(), strict=True):
            shift = level - _MANTISSA_BITS + _UNIT_EXPONENT
            total = (upper << _HALF_BITS) + lower
            # Subnormals have trailing zero bits in the mantissa: the right shift loses nothing.
            self._units += total << shift if shift >= 0 else total >> -shift

    def merge(self, other: "ExactSum") -> None:
        """Adds another sum."""
        self._units += other._units

    @property
    def units(self) -> int:
        """The sum in units of :math:`2^{-1074}`."""
        return self._units

    def __float__(self) -> float:
        """The sum, rounded once to float64."""
        return self._units / (1 << _UNIT_EXPONENT)

    def to_json(self) -> str:
        """Hexadecimal integer times a power of two, ``0x3p-4`` for 3/16."""
        if self._units == 0:
            return "0x0p0"
        zeros = (self._units & -self._units).bit_length() - 1
        return f"{self._units >> zeros:#x}p{zeros - _UNIT_EXPONENT}"

    @classmethod
    def from_json(cls, text: str) -> "ExactSum":
        """Reads what ``to_json`` wrote.

        Raises:
            ValueError: if the text is no such number, or one that no sum of float64 values can have.
        """
        digits, _, power = text.partition("p")
        exponent = int(power) + _UNIT_EXPONENT
        # Bounds the integer that a damaged file can ask for: 2^1024 is the end of float64, 2^63 the longest count.
        if not 0 <= exponent <= _UNIT_EXPONENT + 1024 + 63:
            raise ValueError(f"exponent of an exact sum: got {power}, expected {-_UNIT_EXPONENT} to {1024 + 63}")
        return cls(int(digits, 16) << exponent)


def exact_product(parts: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values whose sum is the exact product of a sum of values and a factor (Dekker), barring underflow.

    Args:
        parts: values ``[k, n]``, whose sum over the first axis is the one factor.
        factor: the other, ``[n]``.

    Returns:
        ``[2 k, n]``.
    """
    product = parts * factor
    high, low = _halves(parts)
    factor_high, factor_low = _halves(factor)
    error = ((high * factor_high - product) + high * factor_low + low * factor_high) + low * factor_low
    return np.concatenate([product, error])


def _halves(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaled = _SPLITTER * values
    high = scaled - (scaled - values)
    return high, values - high
