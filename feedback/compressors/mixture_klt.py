"""Gaussian-mixture transform coding: the KLT of the component that suits a channel best."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.mixture_klt import MixtureKltParameters
from feedback.training_set import TrainingSet
from feedback.transform_coding.mixture import fit_mixture
from feedback.transform_coding.training import unit_power
from feedback.transform_compressor import TransformCompressor

# Training channels that the mixture is fitted to.
_MAX_CHANNELS = 40_000


@COMPRESSORS.register("mixture_klt")
class MixtureKlt(TransformCompressor):
    r"""Reports which component of a Gaussian mixture a channel suits, and its coefficients on that component's axes.

    .. math:: p(x) = \sum_k \pi_k \, \mathcal{CN}(x; 0, R_k), \qquad c = U_k^H x, \quad R_k = U_k \Lambda_k U_k^H

    The component is entropy-coded; coefficients of all components share one quantiser step, which is one reverse
    water-filling level across axes and components (Park, Park, Park and Lee, "Fundamental limits of CSI compression in
    FDD massive MIMO", 2026, arXiv:2603.14325). The UE takes the component of least rate-distortion cost, not the
    likeliest one. With ``covariance: diagonal`` the axes are those of the angular-delay matrix, and components differ
    in where its energy lies; ``separable`` and ``full`` ones have axes of their own, which need more training channels.
    With one component and ``covariance: full`` it is the transform-coded KLT.

    The fit takes at most 40 000 channels, and memory for their powers, 4 ``Na n_ports`` bytes each, besides the axes.
    """

    Parameters = MixtureKltParameters
    settings: MixtureKltParameters

    def __init__(self, parameters: MixtureKltParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape, parameters.components)
        self.declare_axes(parameters.covariance)

    def learn_axes(self, training: TrainingSet, generator: torch.Generator) -> Tensor:
        """Fits the mixture; the generator draws the channels that components start from."""
        csi = unit_power(training.train[:_MAX_CHANNELS]).cpu()
        mixture = fit_mixture(csi, self.components, self.settings.covariance, generator)
        self.keep_axes(mixture.axes)
        return mixture.variances
