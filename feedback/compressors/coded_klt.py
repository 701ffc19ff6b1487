"""The Karhunen-Loeve transform with bits of its own: what ``klt`` is where a key says how many."""

import torch
from torch import Tensor

from feedback.compressors.parameters.klt import KltParameters
from feedback.training_set import TrainingSet
from feedback.transform_coding.axes import FullAxes
from feedback.transform_coding.covariance import Covariance
from feedback.transform_coding.mixture import fit_mixture
from feedback.transform_coding.training import unit_power
from feedback.transform_compressor import TransformCompressor


class CodedKlt(TransformCompressor):
    r"""Reports coefficients on all principal axes of the training channels, quantised and entropy-coded.

    The axes are the eigenvectors of :math:`E[x x^H / \lVert x \rVert^2]`, ``x = vec(H_a)``, or with ``separable`` the
    products of those of :math:`E[H_a H_a^H]` and of :math:`E[H_a^T H_a^*]`. For a Gaussian source no other axes take
    fewer bits at high resolution (Goyal, "Theoretical foundations of transform coding", 2001, DOI 10.1109/79.952802). A
    channel of a few paths is far from Gaussian: axes that spread a path over many coefficients then cost bits.
    """

    Parameters = KltParameters
    results_version = 1

    def __init__(self, parameters: KltParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        covariance: Covariance = "separable" if parameters.separable else "full"
        self.declare_axes(covariance)

    def learn_axes(self, training: TrainingSet, generator: torch.Generator) -> Tensor:
        """Principal axes of the training channels; draws nothing."""
        if self.covariance == "separable":
            mixture = fit_mixture(unit_power(training.train).cpu(), 1, "separable", generator)
            self.keep_axes(mixture.axes)
            return mixture.variances
        dimensions = self.shape[0] * self.shape[1]
        values, vectors = training.principal_axes(dimensions)
        self.keep_axes(FullAxes(vectors[None].cpu(), self.shape))
        return (values * dimensions)[None]
