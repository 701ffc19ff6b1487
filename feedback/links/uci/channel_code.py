"""Channel coding of reports as TS 38.212 has it."""

from functools import lru_cache

import torch
from torch import Tensor

from feedback.links.uci.block import BlockCode
from feedback.links.uci.code_plan import CodePlan
from feedback.links.uci.crc import Crc, CrcName
from feedback.links.uci.polar_block import PolarBlock
from feedback.links.uci.small_block import SmallBlock


class ReportCode:
    """Segmentation, CRC and code of whole reports.

    Args:
        plan: sizes.
        bits_per_symbol: for the bit interleaver of the LDPC code, and the corners that 1 and 2 bits are sent at.
        device: where to compute.
    """

    def __init__(self, plan: CodePlan, bits_per_symbol: int, device: str) -> None:
        self.plan = plan
        self._report_crc, self._block_crc = None, None
        self._block: BlockCode
        if plan.code == "small_block":
            self._block = SmallBlock(plan.block_size, plan.coded_bits, bits_per_symbol, device)
        elif plan.graph is None:
            polar_crc: CrcName = "CRC6" if plan.block_crc == 6 else "CRC11"
            self._block = PolarBlock(plan.block_size, polar_crc, plan.coded_bits, device)
        else:
            # Imports Sionna, which takes seconds that other codes need not wait for.
            from feedback.links.uci.ldpc_block import LdpcBlock

            crc: CrcName = "CRC16" if plan.report_crc == 16 else "CRC24A"
            self._report_crc = Crc(plan.payload, crc, device)
            if plan.block_crc:
                crc = "CRC24B"
                self._block_crc = Crc(plan.block_size, crc, device)
            size = plan.block_size + plan.block_crc
            self._block = LdpcBlock(size, plan.coded_bits, plan.graph, crc, bits_per_symbol, device)

    def encode(self, bits: Tensor) -> Tensor:
        """Reports ``[batch, payload]`` of bits 0 and 1 to coded bits, the blocks one after the other, float32."""
        plan = self.plan
        report = bits.to(torch.float32)
        if self._report_crc is not None:
            report = self._report_crc.append(report)
        # Zeros in front, as clause 5.2.1 fills the first block.
        missing = plan.n_blocks * plan.block_size - report.shape[1]
        blocks = torch.nn.functional.pad(report, (missing, 0)).view(-1, plan.block_size)
        if self._block_crc is not None:
            blocks = self._block_crc.append(blocks)
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
        if self._report_crc is not None:
            passed = passed & self._report_crc.passes(report)
        return report[:, : plan.payload], passed


@lru_cache(maxsize=16)
def report_code(plan: CodePlan, bits_per_symbol: int, device: str) -> ReportCode:
    """The code of a plan; building its graphs takes longer than a use, so it is kept."""
    return ReportCode(plan, bits_per_symbol, device)
