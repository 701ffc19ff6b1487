"""Enhanced Type II codebook of Rel-16, TS 38.214, clause 5.2.2.2.5."""

import math

import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor, targets_of
from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.enhanced_type2 import EnhancedType2Plan, precoder
from feedback.codebooks.enhanced_type2_bits import part1_bits, read, write
from feedback.codebooks.enhanced_type2_selection import select
from feedback.codebooks.layout import bits_for
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.etype2 import EnhancedType2Parameters
from feedback.observation import CsiDimensions

_REFERENCE_BITS, _COEFFICIENT_BITS = 4, 7


@COMPRESSORS.register("etype2")
class EnhancedType2(CodebookCompressor):
    """A sum of L beams times M taps over the subbands for each layer, of which the strongest coefficients are sent.

    One precoder a subband (R = 1). Part 1 holds the number of coefficients, which says how long part 2 is; ``bits``
    counts both. Part 2 lies in three groups by priority.
    """

    Parameters = EnhancedType2Parameters
    settings: EnhancedType2Parameters

    def __init__(self, settings: EnhancedType2Parameters, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        n_subbands = dimensions.n_subbands
        self.plan = EnhancedType2Plan(self.layout, n_subbands, settings.rank, settings.param_combination)
        self.length = self._count_bits + self._most_part2_bits()

    def select(self, csi: Tensor) -> tuple[Tensor, Tensor]:
        """Beams and taps of most power, and the quantised coefficients on them."""
        report = select(self.plan, targets_of(csi), self.settings.refinements)
        part2, lengths, _ = write(self.plan, report)
        writer = BitWriter()
        writer.write(report.present.flatten(1).sum(1) - 1, self._count_bits)
        writer.write(part2, (torch.arange(part2.shape[1], device=csi.device) < lengths[:, None]).to(torch.int64))
        return writer.finish()

    def precoder(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the report's beams and taps."""
        count = BitReader(bits).read_one(self._count_bits) + 1
        report, valid = read(self.plan, count, bits[:, self._count_bits :])
        return precoder(self.plan, report), valid

    def complexity(self) -> Complexity:
        """Complex products, each 4 real ones: with all rotated beams and all taps at the UE, with those sent at the BS.

        The eigenvectors, which it takes, and the UE's refinements, which repeat the last steps, are not counted.
        """
        plan = self.plan
        vectors, width = plan.n_units * plan.rank, 2 * plan.n_beams
        beams = self.layout.o1 * self.layout.o2 * self.layout.per_polarisation
        expanded = vectors * plan.n_beams * self.layout.ports
        taps = vectors * width
        return Complexity(
            ue_macs=4 * (vectors * beams * self.layout.ports + expanded + taps * plan.n_units),
            bs_macs=4 * (expanded + taps * plan.n_taps),
            ue_parameters=0,
            bs_parameters=0,
        )

    @property
    def _count_bits(self) -> int:
        return part1_bits(self.plan, self.plan.rank)

    def _most_part2_bits(self) -> int:
        """Bits of part 2 with as many coefficients as there may be."""
        plan, width, count = self.plan, 2 * self.plan.n_beams, self.plan.most_in_all
        strongest = bits_for(count) if plan.rank == 1 else plan.rank * bits_for(width)
        fields = plan.rank * (_REFERENCE_BITS + plan.tap_bits + width * plan.n_taps) + plan.window_bits
        beams = bits_for(math.comb(self.layout.per_polarisation, plan.n_beams))
        fixed = bits_for(self.layout.o1 * self.layout.o2) + beams
        return fixed + strongest + fields + _COEFFICIENT_BITS * (count - plan.rank)
