"""Type II codebook of Rel-15, TS 38.214, clause 5.2.2.2.3."""

import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebooks.codebook import Codebook, SeenChannel
from feedback.codebooks.layout import bits_for
from feedback.codebooks.type2 import Type2Report, precoder, select
from feedback.codebooks.type2_bits import longest_part2, read, write
from feedback.codebooks.type2_plan import Type2Plan
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.type2 import Type2Parameters


class Type2Codebook(Codebook):
    """Type II reports of one rank; part 1 has room for the amplitudes of every layer that may be reported."""

    def __init__(self, plan: Type2Plan, largest_rank: int) -> None:
        self.plan = plan
        self.n_indicators = largest_rank
        self.indicator_bits = bits_for(2 * plan.n_beams - 1)
        self.longest = longest_part2(plan)

    def select(self, seen: SeenChannel) -> Type2Report:
        """Beams of most power, and the quantised coefficients on them."""
        return select(self.plan, seen.targets(self.plan.rank))

    def indicators(self, report: Type2Report) -> Tensor:
        """Non-zero amplitudes of each layer less 1, zero for layers beyond the rank."""
        counts = (report.wideband > 0).sum(-1) - 1
        return torch.nn.functional.pad(counts, (0, self.n_indicators - self.plan.rank))

    def write(self, report: Type2Report) -> tuple[Tensor, Tensor]:
        """Part 2."""
        return write(self.plan, report)

    def read(self, indicators: Tensor, bits: Tensor) -> tuple[Type2Report, Tensor]:
        """The report's beams and coefficients."""
        report, valid = read(self.plan, indicators[:, : self.plan.rank] + 1, bits)
        return report, valid & ~indicators[:, self.plan.rank :].any(1)

    def precoder(self, report: Type2Report) -> Tensor:
        """The sum of the report's beams."""
        return precoder(self.plan, report)


@COMPRESSORS.register("type2")
class Type2(CodebookCompressor):
    """A sum of L orthogonal beams for each layer, with wideband amplitudes and the phases of each subband.

    Ranks 1 and 2. Part 1 holds the number of non-zero amplitudes of each layer; ``bits`` counts both parts.
    """

    Parameters = Type2Parameters
    settings: Type2Parameters

    def codebook(self, rank: int, largest_rank: int) -> Codebook:
        """Type II at one rank."""
        return Type2Codebook(self.settings.plan(self.layout, self.dimensions.n_subbands, rank), largest_rank)

    def complexity(self) -> Complexity:
        """Complex products, each 4 real ones: with all rotated beams at the UE, with the L beams at the BS.

        The eigenvectors, which it takes, are not counted.
        """
        vectors = self.dimensions.n_subbands * self.n_layers
        beams = self.layout.o1 * self.layout.o2 * self.layout.per_polarisation
        rebuilt = 4 * vectors * self.settings.n_beams * self.layout.ports
        return Complexity(
            ue_macs=4 * vectors * beams * self.layout.ports + rebuilt,
            bs_macs=rebuilt,
            ue_parameters=0,
            bs_parameters=0,
        )
