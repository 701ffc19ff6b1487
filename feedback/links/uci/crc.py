"""Cyclic redundancy checks of TS 38.212, clause 5.1, as sums modulo 2 of the bits that they protect."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CrcName = Literal["CRC6", "CRC11", "CRC16", "CRC24A", "CRC24B"]

# Generator polynomials, the coefficient of power i in bit i.
_GENERATORS: dict[CrcName, int] = {
    "CRC6": 0x61, "CRC11": 0xE21, "CRC16": 0x11021, "CRC24A": 0x1864CFB, "CRC24B": 0x1800063,
}  # fmt: skip


def crc_degree(name: CrcName) -> int:
    """Bits of a CRC."""
    return _GENERATORS[name].bit_length() - 1


def crc_words(n_bits: int, name: CrcName) -> NDArray[np.uint32]:
    r"""What each bit adds to the remainder of a sequence that ends with its CRC, which is zero if the CRC is right.

    .. math:: w_k = D^{n - 1 - k} \bmod g(D)

    Args:
        n_bits: length ``n``, CRC included.
        name: of the CRC with generator polynomial ``g``.

    Returns:
        Remainders, ``[n]``, the coefficient of power ``i`` in bit ``i``.
    """
    generator, degree = _GENERATORS[name], crc_degree(name)
    words, word = np.zeros(n_bits, np.uint32), 1
    for k in reversed(range(n_bits)):
        words[k] = word
        word <<= 1
        if word >> degree:
            word ^= generator
    return words


def crc_matrix(n_bits: int, name: CrcName) -> NDArray[np.int64]:
    """CRC of each of the bits before it, ``[n_bits, degree]`` of 0 and 1, the highest power first, as it is sent."""
    degree = crc_degree(name)
    return _bits_of(crc_words(n_bits + degree, name)[:n_bits], degree)


class Crc:
    """A CRC of sequences of one length.

    Args:
        n_bits: length without CRC.
        name: of the CRC.
        device: where to compute.
    """

    def __init__(self, n_bits: int, name: CrcName, device: str) -> None:
        self._n_bits = n_bits
        words = crc_words(n_bits + crc_degree(name), name)
        self._matrix = torch.from_numpy(_bits_of(words, crc_degree(name))).to(device, torch.float32)

    def append(self, bits: Tensor) -> Tensor:
        """Bits ``[..., n_bits]`` of 0 and 1, float32, with their CRC behind them."""
        return torch.cat([bits, bits @ self._matrix[: self._n_bits] % 2], dim=-1)

    def passes(self, bits: Tensor) -> Tensor:
        """Which sequences ``[..., n]``, CRC included, end with the right one, ``[...]``, bool."""
        return (bits @ self._matrix % 2 == 0).all(dim=-1)


def _bits_of(words: NDArray[np.uint32], degree: int) -> NDArray[np.int64]:
    return (words[:, None] >> np.arange(degree)[::-1] & 1).astype(np.int64)
