"""Enhanced Type II codebook of Rel-16, TS 38.214, clause 5.2.2.2.5."""

from typing import Any, ClassVar

from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebook_parameters import EnhancedType2Keys
from feedback.codebooks.codebook import Codebook, SeenChannel
from feedback.codebooks.enhanced_type2 import EnhancedType2Report, precoder
from feedback.codebooks.enhanced_type2_bits import longest_part2, part1_bits, read, write
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.enhanced_type2_selection import select
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.etype2 import EnhancedType2Parameters


class EnhancedType2Codebook(Codebook):
    """Enhanced Type II reports of one rank; part 1 says how many coefficients part 2 has."""

    n_indicators = 1

    def __init__(self, plan: EnhancedType2Plan, largest_rank: int, refinements: int) -> None:
        self.plan, self.refinements = plan, refinements
        self.indicator_bits = part1_bits(plan, largest_rank)
        self.longest = longest_part2(plan)

    def select(self, seen: SeenChannel) -> EnhancedType2Report:
        """Beams and taps of most power, and the quantised coefficients on them."""
        return select(self.plan, seen.targets(self.plan.rank), self.refinements)

    def indicators(self, report: EnhancedType2Report) -> Tensor:
        """Coefficients of all layers less 1."""
        return report.present.flatten(1).sum(1, keepdim=True) - 1

    def write(self, report: EnhancedType2Report) -> tuple[Tensor, Tensor]:
        """Part 2, its three groups one behind the other."""
        bits, lengths, _ = write(self.plan, report)
        return bits, lengths

    def read(self, indicators: Tensor, bits: Tensor) -> tuple[EnhancedType2Report, Tensor]:
        """The report's beams, taps and coefficients."""
        return read(self.plan, indicators[:, 0] + 1, bits)

    def precoder(self, report: EnhancedType2Report) -> Tensor:
        """The sum of the report's beams and taps."""
        return precoder(self.plan, report)


@COMPRESSORS.register("etype2")
class EnhancedType2(CodebookCompressor):
    """A sum of L beams times M taps over the subbands for each layer, of which the strongest coefficients are sent.

    One precoder a subband of the scenario, of which ``n_pmi_subbands`` (R) make a subband of the CQI. Part 1 holds the
    number of coefficients, which says how long part 2 is; ``bits`` counts both. Part 2 has three groups by priority.
    """

    Parameters: ClassVar[type[EnhancedType2Keys]] = EnhancedType2Parameters
    settings: Any

    def codebook(self, rank: int, largest_rank: int) -> Codebook:
        """Enhanced Type II at one rank."""
        plan = self.settings.plan(self.layout, self.dimensions.n_subbands, rank)
        return EnhancedType2Codebook(plan, largest_rank, self.settings.refinements)

    def units_per_cqi_subband(self) -> int:
        """R."""
        return self.settings.n_pmi_subbands

    def complexity(self) -> Complexity:
        """Complex products, each 4 real ones: with all rotated beams and all taps at the UE, with those sent at the BS.

        The eigenvectors, which it takes, and the UE's refinements, which repeat the last steps, are not counted.
        """
        plans = [each.plan for each in self.codebooks.values() if isinstance(each, EnhancedType2Codebook)]
        n_units, n_beams, layout = self.dimensions.n_subbands, plans[0].n_beams, self.layout
        vectors, width = n_units * self.n_layers, 2 * n_beams
        beams = 0 if plans[0].port_step else layout.o1 * layout.o2 * layout.per_polarisation
        expanded = vectors * n_beams * layout.ports
        return Complexity(
            ue_macs=4 * (vectors * beams * layout.ports + expanded + vectors * width * n_units),
            bs_macs=4 * (expanded + vectors * width * max(plan.n_taps for plan in plans)),
            ue_parameters=0,
            bs_parameters=0,
        )
