"""Karhunen-Loeve transform: the linear encoder and decoder of least mean-square error."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS, Complexity, Compressor, complex_codeword_length
from feedback.compressor_parameters import CompressorParameters
from feedback.compressors.coded_klt import CodedKlt
from feedback.compressors.parameters.klt import KltParameters
from feedback.csi_report.codeword import Codeword
from feedback.eigenvector_compressor import MatrixCompressor
from feedback.principal_axes import separable_products
from feedback.training_set import TrainingSet


@COMPRESSORS.register("klt")
class Klt(MatrixCompressor):
    r"""Reports the ``M / 2`` complex coefficients on the principal axes of the training channels.

    .. math:: c = U_k^H \mathrm{vec}(H_a), \qquad \mathrm{vec}(\hat H_a) = U_k c

    with :math:`U_k` the leading eigenvectors of :math:`E[x x^H / \lVert x \rVert^2]`. No other pair of linear maps
    through ``M / 2`` complex coefficients has a smaller mean NMSE on the training channels, and that is the sum of the
    discarded eigenvalues.

    With ``separable`` the axes are the ``M / 2`` products :math:`u_i v_j^T` of most mean power, with the eigenvectors
    :math:`u_i` of :math:`E[H_a H_a^H]` and :math:`v_j` of :math:`E[H_a^T H_a^*]`, samples weighted alike.

    With ``step``, ``target_bits`` or ``payload_bits`` instead of a compression ratio, it reports the coefficients on
    all axes, entropy-coded under reverse water-filling: ``CodedKlt``.
    """

    Parameters = KltParameters
    settings: KltParameters
    # Real and imaginary parts, as kept files have no complex numbers.
    axes: Tensor

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """With a key that says how many bits, all axes, entropy-coded."""
        if isinstance(parameters, KltParameters) and parameters.makes_bits:
            return CodedKlt.chosen_by(parameters)
        return super().chosen_by(parameters)

    def __init__(self, parameters: KltParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = complex_codeword_length(shape, parameters.compression_ratio)
        self.declare(axes=(shape[0] * shape[1], self.length // 2, 2))

    @property
    def vectors(self) -> Tensor:
        """The principal axes: leading eigenvectors as columns, ``[Na Nt, M / 2]``, complex64."""
        return torch.view_as_complex(self.axes)

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Takes the principal axes of the training channels; draws nothing."""
        count = self.length // 2
        if self.settings.separable:
            vectors = separable_products(training.train, count)
        else:
            vectors = training.principal_axes(count)[1].contiguous()
        self.axes = torch.view_as_real(vectors)

    def encode(self, csi: Tensor) -> Codeword:
        """Coefficients on the principal axes: real parts, then imaginary parts."""
        coefficients = csi.flatten(1) @ self.vectors.conj()
        return Codeword(torch.cat([coefficients.real, coefficients.imag], dim=1))

    def decode(self, received: Codeword) -> Tensor:
        """The sum of the axes, weighted by the received coefficients."""
        real, imaginary = received.values.chunk(2, dim=1)
        return (torch.complex(real, imaginary) @ self.vectors.T).unflatten(1, self.shape)

    def complexity(self) -> Complexity:
        """One complex product ``[M / 2, Na Nt]`` on each side: 4 real multiply-adds and 2 real numbers an entry."""
        entries = self.shape[0] * self.shape[1] * (self.length // 2)
        return Complexity(
            ue_macs=4 * entries, bs_macs=4 * entries, ue_parameters=2 * entries, bs_parameters=2 * entries
        )
