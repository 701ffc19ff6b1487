"""Sums of float64 values and of their products without rounding, so that they do not depend on order or grouping."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Every finite float64 is a multiple of 2^-1074, the smallest subnormal.
_UNIT_EXPONENT = 1074
_MANTISSA_BITS = 53
# Mantissas are added up in two halves, in floats, which leaves room for 2^21 values at a time.
_HALF_BITS = 32
_MOST_AT_ONCE = 2**20
# Splits a float64 into two halves of 26 bits, whose products are exact (Dekker, Numer. Math. 18, 224-242, 1971).
_SPLITTER = float((1 << 27) + 1)


class ExactSum:
    """A sum held as an exact multiple of :math:`2^{-1074}`.

    Addition of such sums is associative and commutative to the last bit, which addition of floats is not.
    """

    def __init__(self, units: int = 0) -> None:
        self._units = units

    def add_units(self, units: int) -> None:
        """Adds a multiple of :math:`2^{-1074}`."""
        self._units += units

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


def add_exactly(sums: Sequence[ExactSum], parts: Sequence[NDArray[np.float64]]) -> None:
    """Adds to each of some sums finite values of its own, of any shape; quicker than one sum after the other."""
    values = np.concatenate([part.ravel() for part in parts])
    owner = np.repeat(np.arange(len(parts)), [part.size for part in parts])
    for start in range(0, values.size, _MOST_AT_ONCE):
        chosen = slice(start, start + _MOST_AT_ONCE)
        _add(sums, values[chosen], owner[chosen])


def _add(sums: Sequence[ExactSum], values: NDArray[np.float64], owner: NDArray[np.int64]) -> None:
    mantissa, exponent = np.frexp(values)
    integers = np.ldexp(mantissa, _MANTISSA_BITS).astype(np.int64)
    least = int(exponent.min())
    n_levels = int(exponent.max()) - least + 1
    level = owner * n_levels + (exponent - least)
    # Exact, though these sums are floats: each stays below 2^53.
    high = np.bincount(level, integers >> _HALF_BITS)
    low = np.bincount(level, integers & ((1 << _HALF_BITS) - 1))
    places = np.flatnonzero((high != 0) | (low != 0))
    owners, powers = (each.tolist() for each in np.divmod(places, n_levels))
    halves = (half[places].astype(np.int64).tolist() for half in (high, low))
    totals = [0] * len(sums)
    for number, power, upper, lower in zip(owners, powers, *halves, strict=True):
        totals[number] += ((upper << _HALF_BITS) + lower) << power
    shift = least - _MANTISSA_BITS + _UNIT_EXPONENT
    for each, total in zip(sums, totals, strict=True):
        # Subnormals have trailing zero bits in the mantissa: the right shift loses nothing.
        each.add_units(total << shift if shift >= 0 else total >> -shift)


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
