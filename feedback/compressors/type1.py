"""Type I single-panel codebook of TS 38.214, clause 5.2.2.2.1."""

import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebooks.codebook import Codebook, SeenChannel
from feedback.codebooks.type1 import Type1Report, precoder
from feedback.codebooks.type1_plan import Type1Plan
from feedback.codebooks.type1_selection import read, select, write
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.type1 import Type1Parameters
from feedback.csi_dimensions import CsiDimensions

# Noise power of the search over the channel's power in a port, where the UE is not told the SNR.
_NOISE = 0.1


class Type1Codebook(Codebook):
    """Type I reports of one rank."""

    def __init__(self, plan: Type1Plan, noise: float | None) -> None:
        self.plan, self.noise = plan, noise
        self.longest = plan.bits

    def select(self, seen: SeenChannel) -> Type1Report:
        """The best report by the covariance of each subband."""
        noise = self.noise
        if noise is None and not seen.noisy:
            noise = _NOISE
        return select(self.plan, seen.covariance, noise)

    def write(self, report: Type1Report) -> tuple[Tensor, Tensor]:
        """All of one length."""
        bits = write(self.plan, report)
        return bits, torch.full((len(bits),), self.longest, dtype=torch.int64, device=bits.device)

    def read(self, indicators: Tensor, bits: Tensor) -> tuple[Type1Report, Tensor]:
        """The report's indices."""
        return read(self.plan, bits[:, : self.longest])

    def precoder(self, report: Type1Report) -> Tensor:
        """The columns of the report's indices."""
        return precoder(self.plan, report)


@COMPRESSORS.register("type1")
class Type1(CodebookCompressor):
    r"""One DFT beam for each layer, co-phased between the polarisations in each subband.

    The UE takes the report of the most received power at rank 1, and of the largest :math:`\sum_t \log_2 \det(I + W^H
    R_t W / \sigma^2)` above, by an exhaustive search. All reports of a rank are of one length: i11, i12, i13, and i2 of
    each subband. Above rank 1 the columns are in the standard's order, which is no order of strength.
    """

    Parameters = Type1Parameters
    settings: Type1Parameters

    def __init__(self, settings: Type1Parameters, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        if self.chooses_rank:
            # The ranks have reports of different lengths.
            self.sends = "bitstream"  # type: ignore[misc]

    def codebook(self, rank: int, largest_rank: int) -> Codebook:
        """Type I at one rank."""
        plan = self.settings.plan(self.layout, self.dimensions.n_subbands, rank)
        return Type1Codebook(plan, self.settings.noise)

    def complexity(self) -> Complexity:
        """At the UE the covariances and their forms with all beams, 4 real products a complex one; no search counted.

        At the BS a product for each entry of the precoder.
        """
        sizes, ports = self.dimensions, self.layout.ports
        beams = self.layout.n1 * self.layout.o1 * self.layout.n2 * self.layout.o2
        covariance = sizes.n_subcarriers * sizes.n_rx * ports**2
        forms = sum(
            plan.n_units * beams * (ports**2 + 4 * ports) * (len(plan.offsets) if plan.rank > 1 else 1)
            for plan in self.plans
        )
        columns = self.plans[-1].n_units * ports * self.n_layers
        return Complexity(ue_macs=4 * (covariance + forms), bs_macs=4 * columns, ue_parameters=0, bs_parameters=0)

    @property
    def plans(self) -> list[Type1Plan]:
        """Sizes of the reports of each rank, ascending."""
        return [each.plan for each in self.codebooks.values() if isinstance(each, Type1Codebook)]
