"""Type I single-panel codebook of TS 38.214, clause 5.2.2.2.1."""

from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebooks.targets import covariances
from feedback.codebooks.type1 import Type1Plan, precoder
from feedback.codebooks.type1_selection import read, select, write
from feedback.compressor import COMPRESSORS, Complexity
from feedback.compressors.parameters.type1 import Type1Parameters
from feedback.observation import CsiDimensions


@COMPRESSORS.register("type1")
class Type1(CodebookCompressor):
    r"""One DFT beam for each layer, co-phased between the polarisations in each subband.

    The UE takes the report of the most received power at rank 1, and of the largest :math:`\sum_t \log_2 \det(I + W^H
    R_t W / \sigma^2)` above, by an exhaustive search. All reports are of one length: i11, i12, i13, and i2 of each
    subband. Above rank 1 the columns are in the standard's order, which is no order of strength, so that similarities
    by layer say little.
    """

    Parameters = Type1Parameters
    settings: Type1Parameters

    def __init__(self, settings: Type1Parameters, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        n_subbands = 1 if settings.wideband else dimensions.n_subbands
        self.plan = Type1Plan(self.layout, n_subbands, settings.rank, settings.mode)
        self.length = self.plan.bits

    def select(self, csi: Tensor) -> tuple[Tensor, Tensor]:
        """The best report by the covariance of each subband."""
        covariance = covariances(csi.transpose(1, 2), self.dimensions.slices)
        bits = write(self.plan, select(self.plan, covariance, self.settings.noise))
        return bits, bits.new_full((len(bits),), self.length)

    def precoder(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """The columns of the report's indices."""
        report, valid = read(self.plan, bits[:, : self.length])
        return precoder(self.plan, report), valid

    def complexity(self) -> Complexity:
        """At the UE the covariances and their forms with all beams, 4 real products a complex one; no search counted.

        At the BS a product for each entry of the precoder.
        """
        plan, ports, sizes = self.plan, self.layout.ports, self.dimensions
        beams = plan.layout.n1 * plan.layout.o1 * plan.layout.n2 * plan.layout.o2
        covariance = sizes.n_subcarriers * sizes.n_rx * ports**2
        forms = plan.n_subbands * beams * (ports**2 + 4 * ports) * (len(plan.offsets) if plan.rank > 1 else 1)
        columns = plan.n_subbands * ports * plan.rank
        return Complexity(ue_macs=4 * (covariance + forms), bs_macs=4 * columns, ue_parameters=0, bs_parameters=0)
