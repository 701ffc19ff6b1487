"""No compression: the report is the truncated matrix itself, so that only truncation and the link cost anything."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS, Complexity, Compressor
from feedback.compressors.parameters.identity import IdentityParameters
from feedback.csi_report.codeword import Codeword


@COMPRESSORS.register("identity")
class Identity(Compressor):
    """Sends all ``2 Na Nt`` real values: real parts, then imaginary parts, row by row."""

    Parameters = IdentityParameters
    settings: IdentityParameters

    def __init__(self, parameters: IdentityParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = 2 * shape[0] * shape[1]

    def encode(self, csi: Tensor) -> Codeword:
        """All entries of the matrix."""
        return Codeword(torch.cat([csi.real.flatten(1), csi.imag.flatten(1)], dim=1))

    def decode(self, received: Codeword) -> Tensor:
        """The matrix of the received entries."""
        real, imaginary = received.values.chunk(2, dim=1)
        return torch.complex(real, imaginary).unflatten(1, self.shape)

    def complexity(self) -> Complexity:
        """Nothing is computed and nothing is stored."""
        return Complexity(ue_macs=0, bs_macs=0, ue_parameters=0, bs_parameters=0)
