"""Polar code of uplink control information, with its CRC (TS 38.212)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.links.uci.block import Decoder, combine, decode_in_turn
from feedback.links.uci.crc import CrcName, crc_degree, crc_matrix
from feedback.links.uci.list_decoder import ListDecoder
from feedback.links.uci.polar_construction import PolarConstruction, polar_construction, reliabilities

# A quick decoder, and the full one for blocks whose CRC the quick one leaves wrong.
_LISTS = (1, 8)
# LLRs beyond are certain.
_MAX_LLR = 30.0


class PolarBlock:
    """CRC and polar code of the uplink (clauses 5.2.1, 5.3.1 and 5.4.1), 12 to 1012 bits a block.

    Args:
        n_bits: bits of a block, 12 or more.
        crc: its CRC.
        coded_bits: bits after rate matching.
        device: where to compute.
    """

    def __init__(self, n_bits: int, crc: CrcName, coded_bits: int, device: str) -> None:
        code = polar_construction(n_bits + crc_degree(crc), coded_bits, reliabilities())
        self._code, self._n_bits = code, n_bits
        self._generator = torch.from_numpy(_generator(code, crc)).to(device, torch.float32)
        self._order, self._outputs, self._buffer_order = (
            torch.from_numpy(order).to(device) for order in (code.order, code.outputs, code.interleaver.argsort())
        )
        self._decoders: list[Decoder] = [ListDecoder(code, crc, size).decode for size in _LISTS]

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]`` to coded bits ``[n, coded_bits]``, float32."""
        return (bits @ self._generator % 2)[:, self._order]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to bits ``[n, n_bits]``, and which blocks pass their CRC, ``[n]``."""
        # Outputs that are never sent are known where the code is shortened, else anything.
        outputs = llr.new_full((len(llr), self._code.mother_bits), -_MAX_LLR if self._code.shortened else 0.0)
        outputs[:, self._outputs] = combine(llr[:, self._buffer_order], len(self._outputs))
        # The uplink has LLRs of 1 over 0, the decoders of 0 over 1.
        bits, passed = decode_in_turn(self._decoders, (-outputs).clamp(-_MAX_LLR, _MAX_LLR))
        return bits[:, : self._n_bits], passed


def _generator(code: PolarConstruction, crc: CrcName) -> NDArray[np.uint8]:
    """Outputs of the mother code of each bit before the CRC, ``[n_bits, N]`` of 0 and 1."""
    n_bits = code.n_bits - crc_degree(crc)
    carried = np.hstack([np.eye(n_bits, dtype=np.int64), crc_matrix(n_bits, crc)])
    inputs = np.zeros((n_bits, code.mother_bits), np.uint8)
    inputs[:, code.positions[~code.is_check]] = carried
    inputs[:, code.positions[code.is_check]] = carried @ code.checks % 2
    # Clause 5.3.1.2: of half the length, the sum of both halves and the second.
    outputs = inputs.reshape(n_bits, -1, 1)
    while outputs.shape[1] > 1:
        first, second = outputs[:, ::2], outputs[:, 1::2]
        outputs = np.concatenate([first ^ second, second], axis=2)
    return outputs[:, 0]
