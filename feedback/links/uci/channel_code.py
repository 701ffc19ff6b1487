"""Channel coding of reports as TS 38.212 has it, with the codes of Sionna.

Importing this module takes seconds, so links import it where they first code a report.
"""

import contextlib
import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from sionna.phy.fec.crc import CRCDecoder, CRCEncoder
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder
from torch import Tensor

from feedback.links.uci.code_plan import MIN_POLAR_PAYLOAD, BaseGraph, CodePlan

# A quick decoder, and the full one for blocks whose CRC the quick one leaves wrong.
_POLAR_LISTS = (1, 8)
_LDPC_ITERATIONS = (8, 20)

_POLAR_MOTHER_BITS = 1024
# Lowest rates of the base graphs; what is longer repeats bits.
_LDPC_EXPANSION: dict[BaseGraph, int] = {"bg1": 3, "bg2": 5}

# Bits of LLRs ``[n, coded_bits]``, and which rows pass their CRC, ``[n]``, bool.
_Decoder = Callable[[Tensor], tuple[Tensor, Tensor]]


class PolarBlock:
    """CRC and polar code of the uplink (clauses 5.2.1, 5.3.1 and 5.4.1).

    Sionna leaves out the three parity-check bits of 12 to 19 bits of payload. Its code ends at 1088 coded bits; beyond,
    the 1024 bits of the mother code are repeated as clause 5.4.1.2 has it, before the channel interleaver.

    Args:
        n_bits: bits of a block, 12 or more.
        coded_bits: bits after rate matching.
        device: where to compute.
    """

    def __init__(self, n_bits: int, coded_bits: int, device: str) -> None:
        self._coded_bits = coded_bits
        self._mother_bits = min(coded_bits, _POLAR_MOTHER_BITS)
        # Sionna tells of the missing parity-check bits on standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            self._encoder = Polar5GEncoder(n_bits, self._mother_bits, precision="single", device=device)
        interleaver = self._encoder.channel_interleaver
        self._mother_order = torch.from_numpy(np.argsort(interleaver(np.arange(self._mother_bits)))).to(device)
        self._order = torch.from_numpy(interleaver(np.arange(coded_bits))).to(device)
        self._decoders = [
            Polar5GDecoder(
                self._encoder, "SCL", list_size=size, return_crc_status=True, precision="single", device=device
            )
            for size in _POLAR_LISTS
        ]

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, n_bits]`` to coded bits ``[n, coded_bits]``, float32."""
        coded: Tensor = self._encoder(bits)
        if self._mother_bits == self._coded_bits:
            return coded
        return coded[:, self._mother_order][:, self._order % self._mother_bits]

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` to bits ``[n, n_bits]``, and which blocks pass their CRC, ``[n]``."""
        if self._mother_bits != self._coded_bits:
            ordered = _combine(llr[:, self._order.argsort()], self._mother_bits)
            llr = ordered[:, self._mother_order.argsort()]
        return _decode_in_turn(self._decoders, llr)


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
        bits_per_symbol: for the bit interleaver of the LDPC code.
        device: where to compute.
    """

    def __init__(self, plan: CodePlan, bits_per_symbol: int, device: str) -> None:
        self.plan = plan
        self._report_crc, self._block_crc = (
            CRCEncoder(name, precision="single", device=device) if name else None for name in _crc_names(plan)
        )
        self._report_check = CRCDecoder(self._report_crc, device=device) if self._report_crc else None
        self._block: PolarBlock | LdpcBlock
        if plan.graph is None:
            self._block = PolarBlock(plan.block_size, plan.coded_bits, device)
        else:
            size, crc = plan.block_size + plan.block_crc, self._block_crc or self._report_crc
            self._block = LdpcBlock(size, plan.coded_bits, plan.graph, crc, bits_per_symbol, device)

    def encode(self, bits: Tensor) -> Tensor:
        """Reports ``[batch, payload]`` of bits 0 and 1 to coded bits, the blocks one after the other, float32."""
        plan = self.plan
        filled = max(plan.payload, MIN_POLAR_PAYLOAD)
        report = torch.nn.functional.pad(bits.to(torch.float32), (0, filled - plan.payload))
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
        filled = max(plan.payload, MIN_POLAR_PAYLOAD) + plan.report_crc
        report = report[:, report.shape[1] - filled :]
        if self._report_check is not None:
            report, right = self._report_check(report)
            passed = passed & right.squeeze(-1)
        return report[:, : plan.payload], passed


@lru_cache(maxsize=16)
def report_code(plan: CodePlan, bits_per_symbol: int, device: str) -> ReportCode:
    """The code of a plan; building its graphs takes longer than a use, so it is kept."""
    return ReportCode(plan, bits_per_symbol, device)


def _crc_names(plan: CodePlan) -> tuple[str, str]:
    """Names of the CRCs over the report and over each block; empty where there is none or the code brings its own."""
    if plan.graph is None:
        return "", ""
    return "CRC16" if plan.report_crc == 16 else "CRC24A", "CRC24B" if plan.block_crc else ""


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
