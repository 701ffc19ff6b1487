"""Enhanced Type II port selection codebook of Rel-16, TS 38.214, clause 5.2.2.2.6."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS
from feedback.compressors.etype2 import EnhancedType2
from feedback.compressors.parameters.etype2_port_selection import EnhancedType2PortSelectionParameters
from feedback.csi_dimensions import CsiDimensions


@COMPRESSORS.register("etype2_port_selection")
class EnhancedType2PortSelection(EnhancedType2):
    r"""``etype2`` with L consecutive CSI-RS ports of each polarisation in the place of L beams.

    The BS sends its CSI-RS over beams, and the UE reports which neighbours among them carry most. A BS that knows the
    UE's directions from the uplink would choose beams for it; here they are the orthogonal DFT beams of the array,

    .. math:: v_n[N_2 n_1 + n_2] = \frac{1}{\sqrt{N_1 N_2}} e^{j 2 \pi (k_1 n_1 / N_1 + k_2 n_2 / N_2)}, \qquad
              n = N_1 k_2 + k_1

    the same for every UE, so that no reciprocity is assumed. Part 1 and part 2 are those of ``etype2`` without i12.
    """

    Parameters = EnhancedType2PortSelectionParameters

    def __init__(self, settings: EnhancedType2PortSelectionParameters, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        beams = self.layout.rotated_bases()[0].T if settings.csi_rs == "beams" else None
        # Columns are the beams of one polarisation.
        self.register_buffer("_beams", beams, persistent=False)

    def seen_by_ue(self, csi: Tensor) -> Tensor:
        """A channel meets the beams, :math:`h B`; its eigenvectors are those of the array turned, :math:`B^H v`."""
        if self._beams is None:
            return csi
        basis = self._beams.conj() if self.takes == "eigenvectors" else self._beams
        half = csi.unflatten(-1, (2, self.layout.per_polarisation))
        return (half @ basis.to(csi.dtype)).flatten(-2)

    def sent_by_bs(self, columns: Tensor) -> Tensor:
        """Weights of beams as weights of the array's ports, :math:`B w`."""
        if self._beams is None:
            return columns
        half = columns.unflatten(2, (2, self.layout.per_polarisation))
        return torch.einsum("pn,btznr->btzpr", self._beams, half).flatten(2, 3)
