"""Cyclic redundancy checks of TS 38.212, clause 5.1, as sums modulo 2 of the bits that they protect."""

import numpy as np
from numpy.typing import NDArray

# Generator polynomials by degree, without their highest power; the lowest power is the lowest bit.
_GENERATORS = {6: 0x21, 11: 0x621}


def crc_words(n_bits: int, degree: int) -> NDArray[np.uint32]:
    r"""What each bit adds to the remainder of a sequence that ends with its CRC, which is zero if the CRC is right.

    .. math:: w_k = D^{n - 1 - k} \bmod g(D)

    Args:
        n_bits: length ``n``, CRC included.
        degree: of the generator polynomial, 6 or 11.

    Returns:
        Remainders, ``[n]``, the coefficient of power ``i`` in bit ``i``.
    """
    words, word = np.zeros(n_bits, np.uint32), 1
    for k in reversed(range(n_bits)):
        words[k] = word
        word <<= 1
        if word >> degree:
            word ^= 1 << degree | _GENERATORS[degree]
    return words


def crc_matrix(n_bits: int, degree: int) -> NDArray[np.int64]:
    """CRC of each of the bits before it, ``[n_bits, degree]`` of 0 and 1, the highest power first, as it is sent."""
    words = crc_words(n_bits + degree, degree)[:n_bits]
    return (words[:, None] >> np.arange(degree)[::-1] & 1).astype(np.int64)
