"""LDPC code of data over the uplink (TS 38.212)."""

import torch
from sionna.phy.fec.ldpc import LDPC5GEncoder
from torch import Tensor

from feedback.links.uci.belief_propagation import GraphDecoder
from feedback.links.uci.block import combine
from feedback.links.uci.code_plan import BaseGraph
from feedback.links.uci.crc import CrcName

# Lowest rates of the base graphs; what is longer repeats bits.
_EXPANSION: dict[BaseGraph, int] = {"bg1": 3, "bg2": 5}


class LdpcBlock:
    """LDPC code with CRC (clauses 5.1, 5.2.2, 5.3.2 and 5.4.2), redundancy version 0.

    Sionna's code ends at rate 1/3 of base graph 1, or 1/5 of base graph 2. Below, its bits are repeated.

    Args:
        n_bits: bits of a block, CRC included.
        coded_bits: bits after rate matching.
        graph: base graph.
        crc: name of the CRC that a block ends with.
        bits_per_symbol: for the bit interleaver.
        device: where to compute.
    """

    def __init__(
        self, n_bits: int, coded_bits: int, graph: BaseGraph, crc: CrcName, bits_per_symbol: int, device: str
    ) -> None:
        longest = n_bits * _EXPANSION[graph] // bits_per_symbol * bits_per_symbol
        self._coded_bits, self._native_bits = coded_bits, min(coded_bits, longest)
        self._encoder = LDPC5GEncoder(
            n_bits, self._native_bits, num_bits_per_symbol=bits_per_symbol, bg=graph, precision="single", device=device
        )
        self._decoder = GraphDecoder(self._encoder, crc)

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]``, CRC included, to coded bits ``[n, coded_bits]``, float32."""
        order = torch.arange(self._coded_bits, device=bits.device) % self._native_bits
        coded: Tensor = self._encoder(bits)
        return coded[:, order]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to bits ``[n, n_bits]``, CRC included, and which blocks pass it, ``[n]``."""
        return self._decoder.decode(combine(llr, self._native_bits))
