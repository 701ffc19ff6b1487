"""Type II codebook of Rel-15, TS 38.214, clause 5.2.2.2.3."""

import math

import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor, targets_of
from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.layout import bits_for
from feedback.codebooks.type2 import Type2Plan, precoder, select
from feedback.codebooks.type2_bits import part1_bits, read, write
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.type2 import Type2Parameters
from feedback.observation import CsiDimensions


@COMPRESSORS.register("type2")
class Type2(CodebookCompressor):
    """A sum of L orthogonal beams for each layer, with wideband amplitudes and the phases of each subband.

    Part 1 holds the number of non-zero amplitudes of each layer, which says how long part 2 is; ``bits`` counts both.
    """

    Parameters = Type2Parameters
    settings: Type2Parameters

    def __init__(self, settings: Type2Parameters, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        self.plan = Type2Plan(
            self.layout,
            dimensions.n_subbands,
            settings.rank,
            settings.n_beams,
            settings.n_phases,
            settings.subband_amplitude,
        )
        self.length = part1_bits(self.plan, settings.rank) + self._most_part2_bits()

    def select(self, csi: Tensor) -> tuple[Tensor, Tensor]:
        """Beams of most power, and the quantised coefficients on them."""
        report = select(self.plan, targets_of(csi))
        part2, lengths = write(self.plan, report)
        counts = (report.wideband > 0).sum(-1)
        writer = BitWriter()
        writer.write(counts - 1, self._count_bits)
        writer.write(part2, _present(part2, lengths))
        return writer.finish()

    def precoder(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the report's beams."""
        counts = BitReader(bits).read(self.plan.rank, self._count_bits) + 1
        report, valid = read(self.plan, counts, bits[:, self.plan.rank * self._count_bits :])
        return precoder(self.plan, report), valid

    def complexity(self) -> Complexity:
        """Complex products, each 4 real ones: with all rotated beams at the UE, with the L beams at the BS.

        The eigenvectors, which it takes, are not counted.
        """
        vectors = self.plan.n_subbands * self.plan.rank
        beams = self.layout.o1 * self.layout.o2 * self.layout.per_polarisation
        rebuilt = 4 * vectors * self.plan.n_beams * self.layout.ports
        return Complexity(
            ue_macs=4 * vectors * beams * self.layout.ports + rebuilt,
            bs_macs=rebuilt,
            ue_parameters=0,
            bs_parameters=0,
        )

    @property
    def _count_bits(self) -> int:
        return bits_for(2 * self.plan.n_beams - 1)

    def _most_part2_bits(self) -> int:
        """Bits of part 2 where no amplitude is zero."""
        plan, width = self.plan, 2 * self.plan.n_beams
        fine, each = min(width, plan.n_fine), bits_for(plan.n_phases)
        subband = (fine - 1) * (each + 1) + 2 * (width - fine) if plan.subband_amplitude else (width - 1) * each
        layer = bits_for(width) + 3 * (width - 1) + plan.n_subbands * subband
        beams = bits_for(math.comb(self.layout.per_polarisation, plan.n_beams))
        return bits_for(self.layout.o1 * self.layout.o2) + beams + plan.rank * layer


def _present(bits: Tensor, lengths: Tensor) -> Tensor:
    """Width of each bit of streams ``[batch, longest]``: 1, and 0 behind the end."""
    return (torch.arange(bits.shape[1], device=bits.device) < lengths[:, None]).to(torch.int64)
