"""Sparse reporting: the strongest angular-delay entries and where they are."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS, Complexity, Compressor, complex_codeword_length
from feedback.compressor_parameters import CompressorParameters
from feedback.compressors.coded_topk import CodedTopK
from feedback.compressors.parameters.topk import TopKParameters
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.side_format import SubsetFormat
from feedback.eigenvector_compressor import MatrixCompressor


@COMPRESSORS.register("topk")
class TopK(MatrixCompressor):
    r"""Keeps the ``k = M / 2`` strongest complex entries; their positions are side information.

    The positions are a set of ``k`` out of :math:`N_a N_t`, which costs
    :math:`\lceil \log_2 \binom{N_a N_t}{k} \rceil` bits: entries travel in the order of their positions, so their
    order carries nothing.

    With ``step``, ``target_bits`` or ``payload_bits`` instead of a compression ratio, positions and values are
    entropy-coded, and how many entries are kept follows from the bits: ``CodedTopK``.
    """

    Parameters = TopKParameters
    settings: TopKParameters

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """With a key that says how many bits, positions and values are entropy-coded."""
        if isinstance(parameters, TopKParameters) and parameters.makes_bits:
            return CodedTopK.chosen_by(parameters)
        return super().chosen_by(parameters)

    def __init__(self, parameters: TopKParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = complex_codeword_length(shape, parameters.compression_ratio)
        self.n_kept = self.length // 2
        self.positions = SubsetFormat(shape[0] * shape[1], self.n_kept)

    def encode(self, csi: Tensor) -> Codeword:
        """Real parts, then imaginary parts, of the strongest entries; ``side["positions"]`` ``[batch, k]``, int64."""
        flat = csi.flatten(1)
        power = flat.real.square() + flat.imag.square()
        positions = power.topk(self.n_kept, dim=1).indices.sort(dim=1).values
        kept = flat.gather(1, positions)
        return Codeword(
            torch.cat([kept.real, kept.imag], dim=1),
            side={"positions": positions},
            side_bits=self.positions.bits,
            side_formats={"positions": self.positions},
        )

    def decode(self, received: Codeword) -> Tensor:
        """The received entries at their positions, zero elsewhere."""
        real, imaginary = received.values.chunk(2, dim=1)
        flat = torch.zeros(len(real), self.shape[0] * self.shape[1], dtype=torch.complex64, device=real.device)
        return flat.scatter(1, received.side["positions"], torch.complex(real, imaginary)).unflatten(1, self.shape)

    def complexity(self) -> Complexity:
        """The squared moduli at the UE, two multiply-adds per entry; the search and the BS multiply nothing."""
        return Complexity(ue_macs=2 * self.shape[0] * self.shape[1], bs_macs=0, ue_parameters=0, bs_parameters=0)
