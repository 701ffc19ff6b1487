"""Construction of polar codes of uplink control information: positions of bits, rate matching, interleaving."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feedback.links.uci.code_plan import N_PARITY_CHECKS

_MIN_MOTHER_EXPONENT, _MAX_MOTHER_EXPONENT = 5, 10
# TS 38.212, table 5.4.1.1-1.
_SUB_BLOCKS = np.array(
    [*(0, 1, 2, 4, 3, 5, 6, 7), *(n for low in range(8, 16) for n in (low, low + 8)), *(24, 25, 26, 28, 27, 29, 30, 31)]
)
# Stages of the shift register of clause 5.3.1.2.
_REGISTER_LENGTH = 5


@dataclass(frozen=True)
class PolarConstruction:
    """Where the bits of a polar code go (TS 38.212, clauses 5.3.1, 5.4.1, 6.3.1.3.1 and 6.3.1.4.1).

    Attributes:
        n_bits: bits ``K`` to encode, CRC included.
        mother_bits: length ``N`` of the mother code, a power of two.
        positions: inputs of the mother code that carry a bit or a parity check, in order, ``[K + n_PC]``.
        is_check: which of them are parity checks, ``[K + n_PC]``, bool.
        checks: bits that each parity check sums modulo 2, ``[K, n_PC]`` of 0 and 1.
        outputs: outputs of the mother code that are sent, in the order of the circular buffer, ``[min(E, N)]``; it is
            read from the beginning again where ``E > N``.
        interleaver: bit out of the circular buffer that each transmitted bit is, ``[E]``.
        shortened: whether outputs that are never sent are zeros that the receiver knows.
    """

    n_bits: int
    mother_bits: int
    positions: NDArray[np.int64]
    is_check: NDArray[np.bool_]
    checks: NDArray[np.int64]
    outputs: NDArray[np.int64]
    interleaver: NDArray[np.int64]
    shortened: bool

    @property
    def frozen(self) -> NDArray[np.int64]:
        """Inputs of the mother code that are zero, in order."""
        return np.setdiff1d(np.arange(self.mother_bits), self.positions)

    @property
    def order(self) -> NDArray[np.int64]:
        """Output of the mother code that each transmitted bit is, ``[E]``."""
        return self.outputs[self.interleaver % len(self.outputs)]


def polar_construction(n_bits: int, coded_bits: int, reliabilities: NDArray[np.int64]) -> PolarConstruction:
    """The code of ``K`` bits, CRC included, with ``E`` coded bits.

    It has three parity checks where ``18 <= K <= 25``. Of these one goes to the most reliable input of the smallest
    row weight if ``E - K + 3 > 192``, and the others to the least reliable inputs.

    Args:
        n_bits: bits to encode.
        coded_bits: bits after rate matching.
        reliabilities: inputs of the mother code of 1024 bits, the least reliable first (table 5.3.1.2-1).
    """
    mother_bits = _mother_bits(n_bits, coded_bits)
    # A shorter code has the same order among its inputs.
    ranking = reliabilities[reliabilities < mother_bits]
    outputs = (_SUB_BLOCKS[:, None] * (mother_bits // 32) + np.arange(mother_bits // 32)).ravel()
    shortened = coded_bits < mother_bits and 16 * n_bits > 7 * coded_bits
    sent, unusable = outputs[:coded_bits], outputs[coded_bits:]
    if coded_bits < mother_bits and not shortened:
        punctured, sent = np.split(outputs, [mother_bits - coded_bits])
        if 4 * coded_bits >= 3 * mother_bits:
            beginning = math.ceil(3 * mother_bits / 4 - coded_bits / 2)
        else:
            beginning = math.ceil(9 * mother_bits / 16 - coded_bits / 4)
        unusable = np.concatenate([punctured, np.arange(beginning)])
    n_checks = N_PARITY_CHECKS if 18 <= n_bits <= 25 else 0
    usable = ranking[~np.isin(ranking, unusable)]
    chosen = usable[len(usable) - n_bits - n_checks :]
    checked = _parity_positions(chosen, n_checks, n_of_low_weight=int(coded_bits - n_bits + 3 > 192))
    positions = np.sort(chosen)
    is_check = np.isin(positions, checked)
    carried, parity = positions[~is_check], positions[is_check]
    # What enters the register at an input leaves it at every fifth one after.
    checks = (carried[:, None] < parity) & ((parity - carried[:, None]) % _REGISTER_LENGTH == 0)
    interleaver = _triangular_order(coded_bits)
    return PolarConstruction(
        n_bits, mother_bits, positions, is_check, checks.astype(np.int64), sent, interleaver, shortened
    )


def _mother_bits(n_bits: int, coded_bits: int) -> int:
    exponent = math.ceil(math.log2(coded_bits))
    if coded_bits <= 9 / 8 * 2 ** (exponent - 1) and n_bits / coded_bits < 9 / 16:
        exponent -= 1
    lowest_rate = math.ceil(math.log2(8 * n_bits))
    return 2 ** max(min(exponent, lowest_rate, _MAX_MOTHER_EXPONENT), _MIN_MOTHER_EXPONENT)


def _parity_positions(chosen: NDArray[np.int64], n_checks: int, n_of_low_weight: int) -> NDArray[np.int64]:
    """Inputs of parity checks, out of those chosen in order of rising reliability."""
    if n_checks == 0:
        return chosen[:0]
    # Row n of the generator matrix has 2 to the number of ones in n ones.
    reliable = chosen[n_checks:][::-1]
    weights = np.array([int(n).bit_count() for n in reliable])
    of_low_weight = reliable[np.argsort(weights, kind="stable")[:n_of_low_weight]]
    return np.concatenate([chosen[: n_checks - n_of_low_weight], of_low_weight])


def _triangular_order(n: int) -> NDArray[np.int64]:
    """Order in which coded bits leave the interleaver: written by rows into a triangle, read by columns."""
    side = math.ceil((math.sqrt(8 * n + 1) - 1) / 2)
    row, column = np.nonzero(np.arange(side)[:, None] + np.arange(side) < side)
    return np.lexsort((row[:n], column[:n]))


@cache
def reliabilities() -> NDArray[np.int64]:
    """Places of 1024 inputs from the least reliable to the most: table 5.3.1.2-1, 32 of them a line."""
    return np.loadtxt(Path(__file__).with_name("polar_reliabilities.csv"), np.int64, delimiter=",").ravel()
