"""Compressed sensing by approximate message passing: iterated soft thresholds whose errors stay Gaussian."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.amp import AmpParameters
from feedback.random_projection import RandomProjection, soft_threshold


@COMPRESSORS.register("amp")
class Amp(RandomProjection):
    r"""Random projections, recovered by complex approximate message passing with a soft threshold.

    .. math:: x^{t+1} = \eta(x^t + A^H z^t; \tau \sigma_t), \qquad
              z^{t+1} = y - A x^{t+1} + z^t \, \tfrac1m \sum_i \tfrac12 (\partial_R \eta_R + \partial_I \eta_I)_i

    with :math:`\sigma_t = \lVert z^t \rVert / \sqrt m` (Donoho, Maleki and Montanari, 2009, arXiv:0907.3574; Maleki,
    Anitori, Yang and Baraniuk, 2013, arXiv:1108.0477). The last term keeps the errors of :math:`x^t + A^H z^t`
    Gaussian, so that they follow the state evolution
    :math:`\sigma_{t+1}^2 = \tfrac{N}{m} E|\eta(X + \sigma_t Z; \tau \sigma_t) - X|^2`. ``A`` is random
    (``RandomProjection``).
    """

    Parameters = AmpParameters
    settings: AmpParameters
    thresholds = (0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)

    def recover(self, measured: Tensor, threshold: Tensor) -> Tensor:
        """Message passing from zero."""
        projection = self.projection(measured.device)
        count = measured.shape[1]
        found = measured.new_zeros(len(measured), projection.shape[1])
        residual = measured
        for _ in range(self.settings.iterations):
            limit = threshold * torch.linalg.vector_norm(residual, dim=1, keepdim=True) / count**0.5
            noisy = found + residual @ projection.conj()
            found = soft_threshold(noisy, limit)
            size = noisy.abs().clamp_min(torch.finfo(torch.float32).tiny)
            slopes = torch.where(size > limit, 1 - limit / (2 * size), 0.0)
            residual = measured - found @ projection.T + residual * (slopes.sum(dim=1, keepdim=True) / count)
        return found
