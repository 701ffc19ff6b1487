"""Channel coding of reports as TS 38.212 has it.

Importing Sionna's LDPC code takes seconds, so links import it where they first code a report.
"""

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from sionna.phy.fec.crc import CRCDecoder, CRCEncoder
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.fec.polar.utils import generate_5g_ranking
from torch import Tensor

from feedback.links.uci.code_plan import BaseGraph, CodePlan
from feedback.links.uci.crc import crc_matrix
from feedback.links.uci.list_decoder import ListDecoder
from feedback.links.uci.polar_construction import PolarConstruction, polar_construction
from feedback.links.uci.small_block import SmallBlock

# A quick decoder, and the full one for blocks whose CRC the quick one leaves wrong.
_POLAR_LISTS = (1, 8)
_LDPC_ITERATIONS = (8, 20)

_MAX_MOTHER_BITS = 1024
# LLRs beyond are certain.
_MAX_LLR = 30.0
# Lowest rates of the base graphs; what is longer repeats bits.
_LDPC_EXPANSION: dict[BaseGraph, int] = {"bg1": 3, "bg2": 5}

# Bits of LLRs ``[n, coded_bits]``, and which rows pass their CRC, ``[n]``, bool.
_Decoder = Callable[[Tensor], tuple[Tensor, Tensor]]


class PolarBlock:
    """CRC and polar code of the uplink (clauses 5.2.1, 5.3.1 and 5.4.1), 12 to 1012 bits a block.

    Args:
        n_bits: bits of a block, 12 or more.
        crc_bits: bits of its CRC.
        coded_bits: bits after rate matching.
        device: where to compute.
    """

    def __init__(self, n_bits: int, crc_bits: int, coded_bits: int, device: str) -> None:
        code = polar_construction(n_bits + crc_bits, coded_bits, _reliabilities())
        self._code, self._n_bits = code, n_bits
        self._generator = torch.from_numpy(_polar_generator(code, crc_bits)).to(device, torch.float32)
        self._order, self._outputs, self._buffer_order = (
            torch.from_numpy(order).to(device) for order in (code.order, code.outputs, code.interleaver.argsort())
        )
        self._decoders: list[_Decoder] = [ListDecoder(code, crc_bits, size).decode for size in _POLAR_LISTS]

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]`` to coded bits ``[n, coded_bits]``, float32."""
        return (bits @ self._generator % 2)[:, self._order]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to bits ``[n, n_bits]``, and which blocks pass their CRC, ``[n]``."""
        # Outputs that are never sent are known where the code is shortened, else anything.
        outputs = llr.new_full((len(llr), self._code.mother_bits), -_MAX_LLR if self._code.shortened else 0.0)
        outputs[:, self._outputs] = _combine(llr[:, self._buffer_order], len(self._outputs))
        # Sionna's mapping has LLRs of 1 over 0, the decoders of 0 over 1.
        bits, passed = _decode_in_turn(self._decoders, (-outputs).clamp(-_MAX_LLR, _MAX_LLR))
        return bits[:, : self._n_bits], passed


class LdpcBlock:
    """LDPC code with CRC (clauses 5.1, 5.2.2, 5.3.2 and 5.4.2), redundancy version 0.

    Sionna's code ends at rate 1/3 of base graph 1, or 1/5 of base graph 2. Below, its bits are repeated.

    Args:
        n_bits: bits of a block, CRC included.
        coded_bits: bits after rate matching.
        graph: base graph.
        crc: the CRC that a block ends with.
        bits_per_symbol: for the bit interleaver.
        device: where to compute.
    """

    def __init__(
        self, n_bits: int, coded_bits: int, graph: BaseGraph, crc: CRCEncoder, bits_per_symbol: int, device: str
    ) -> None:
        longest = n_bits * _LDPC_EXPANSION[graph] // bits_per_symbol * bits_per_symbol
        self._coded_bits, self._native_bits = coded_bits, min(coded_bits, longest)
        self._crc = CRCDecoder(crc, precision="single", device=device)
        self._encoder = LDPC5GEncoder(
            n_bits, self._native_bits, num_bits_per_symbol=bits_per_symbol, bg=graph, precision="single", device=device
        )
        self._decoders = [self._checked(iterations, device) for iterations in _LDPC_ITERATIONS]

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]``, CRC included, to coded bits ``[n, coded_bits]``, float32."""
        order = torch.arange(self._coded_bits, device=bits.device) % self._native_bits
        coded: Tensor = self._encoder(bits)
        return coded[:, order]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to bits ``[n, n_bits]``, CRC included, and which blocks pass it, ``[n]``."""
        return _decode_in_turn(self._decoders, _combine(llr, self._native_bits))

    def _checked(self, iterations: int, device: str) -> _Decoder:
        decoder = LDPC5GDecoder(self._encoder, num_iter=iterations, precision="single", device=device)

        def decode(llr: Tensor) -> tuple[Tensor, Tensor]:
            bits = decoder(llr)
            return bits, self._crc(bits)[1].squeeze(-1)

        return decode


class ReportCode:
    """Segmentation, CRC and code of whole reports.

    Args:
        plan: sizes.
        bits_per_symbol: for the bit interleaver of the LDPC code, and the corners that 1 and 2 bits are sent at.
        device: where to compute.
    """

    def __init__(self, plan: CodePlan, bits_per_symbol: int, device: str) -> None:
        self.plan = plan
        self._report_crc, self._block_crc = (
            CRCEncoder(name, precision="single", device=device) if name else None for name in _crc_names(plan)
        )
        self._report_check = CRCDecoder(self._report_crc, device=device) if self._report_crc else None
        self._block: SmallBlock | PolarBlock | LdpcBlock
        if plan.code == "small_block":
            self._block = SmallBlock(plan.block_size, plan.coded_bits, bits_per_symbol, device)
        elif plan.graph is None:
            self._block = PolarBlock(plan.block_size, plan.block_crc, plan.coded_bits, device)
        else:
            size, crc = plan.block_size + plan.block_crc, self._block_crc or self._report_crc
            self._block = LdpcBlock(size, plan.coded_bits, plan.graph, crc, bits_per_symbol, device)

    def encode(self, bits: Tensor) -> Tensor:
        """Reports ``[batch, payload]`` of bits 0 and 1 to coded bits, the blocks one after the other, float32."""
        plan = self.plan
        report = bits.to(torch.float32)
        if self._report_crc is not None:
            report = self._report_crc(report)
        # Zeros in front, as clause 5.2.1 fills the first block.
        missing = plan.n_blocks * plan.block_size - report.shape[1]
        blocks = torch.nn.functional.pad(report, (missing, 0)).view(-1, plan.block_size)
        if self._block_crc is not None:
            blocks = self._block_crc(blocks)
        return self._block.encode(blocks).view(len(bits), -1)

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs of the coded bits to reports ``[batch, payload]``, and which of them pass every CRC, ``[batch]``, bool.

        Args:
            llr: log of the probability of 1 over that of 0, ``[batch, n_blocks coded_bits]``, float32.
        """
        plan = self.plan
        blocks, passed = self._block.decode(llr.view(-1, plan.coded_bits))
        report = blocks[:, : plan.block_size].reshape(len(llr), -1)
        passed = passed.view(len(llr), -1).all(dim=1)
        report = report[:, report.shape[1] - plan.payload - plan.report_crc :]
        if self._report_check is not None:
            report, right = self._report_check(report)
            passed = passed & right.squeeze(-1)
        return report, passed


@lru_cache(maxsize=16)
def report_code(plan: CodePlan, bits_per_symbol: int, device: str) -> ReportCode:
    """The code of a plan; building its graphs takes longer than a use, so it is kept."""
    return ReportCode(plan, bits_per_symbol, device)


def _crc_names(plan: CodePlan) -> tuple[str, str]:
    """Names of the CRCs over the report and over each block; empty where there is none or the code brings its own."""
    if plan.graph is None:
        return "", ""
    return "CRC16" if plan.report_crc == 16 else "CRC24A", "CRC24B" if plan.block_crc else ""


@cache
def _reliabilities() -> NDArray[np.int64]:
    ranking: NDArray[np.int64] = generate_5g_ranking(0, _MAX_MOTHER_BITS, sort=False)[0]
    return ranking


def _polar_generator(code: PolarConstruction, crc_bits: int) -> NDArray[np.int64]:
    """Outputs of the mother code of each bit before its CRC, ``[K - crc_bits, N]`` of 0 and 1."""
    n_bits = code.n_bits - crc_bits
    carried = np.hstack([np.eye(n_bits, dtype=np.int64), crc_matrix(n_bits, crc_bits)])
    inputs = np.zeros((n_bits, code.mother_bits), np.int64)
    inputs[:, code.positions[~code.is_check]] = carried
    inputs[:, code.positions[code.is_check]] = carried @ code.checks % 2
    # Clause 5.3.1.2: of half the length, the sum of both halves and the second.
    outputs = inputs.reshape(n_bits, -1, 1)
    while outputs.shape[1] > 1:
        first, second = outputs[:, ::2], outputs[:, 1::2]
        outputs = np.concatenate([(first + second) % 2, second], axis=2)
    return outputs[:, 0]


def _combine(llr: Tensor, period: int) -> Tensor:
    """Sums LLRs ``[n, length]`` of bits that repeat with a period, ``[n, period]``."""
    whole = torch.nn.functional.pad(llr, (0, -llr.shape[1] % period))
    return whole.unflatten(1, (-1, period)).sum(dim=1)


def _decode_in_turn(decoders: list[_Decoder], llr: Tensor) -> tuple[Tensor, Tensor]:
    """Each decoder takes what the one before left with a wrong CRC."""
    bits, passed = decoders[0](llr)
    for decoder in decoders[1:]:
        left = (~passed).nonzero().squeeze(1)
        if len(left) > 0:
            bits[left], passed[left] = decoder(llr[left])
    return bits, passed
