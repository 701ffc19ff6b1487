"""Compressed sensing by the LASSO: the sparsest matrix, in the l1 norm, that suits a random projection."""

import torch
from torch import Tensor

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.lasso import LassoParameters
from feedback.random_projection import RandomProjection, soft_threshold


@COMPRESSORS.register("lasso")
class Lasso(RandomProjection):
    r"""Random projections, recovered by the LASSO (Tibshirani, 1996, DOI 10.1111/j.2517-6161.1996.tb02080.x).

    .. math:: \hat x = \arg\min_x \tfrac12 \lVert y - A x \rVert^2 + \lambda \lVert x \rVert_1, \qquad
              \lambda = p \lVert A^H y \rVert_\infty

    with complex moduli in the l1 norm, by FISTA (Beck and Teboulle, 2009, DOI 10.1137/080716542): an error of the
    objective that falls as the square of the iterations. ``A`` is random (``RandomProjection``).
    """

    Parameters = LassoParameters
    settings: LassoParameters
    thresholds = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)

    def recover(self, measured: Tensor, threshold: Tensor) -> Tensor:
        """FISTA from zero."""
        projection = self.projection(measured.device)
        # Largest eigenvalue of A A^H: the gradient's Lipschitz constant.
        own = self.projection(torch.device("cpu"))
        constant = float(torch.linalg.eigvalsh(own @ own.mH)[-1])
        start = measured @ projection.conj()
        weight = threshold * start.abs().amax(dim=1, keepdim=True) / constant
        found = torch.zeros_like(start)
        point, momentum = found, 1.0
        for _ in range(self.settings.iterations):
            gradient = (measured - point @ projection.T) @ projection.conj()
            before, found = found, soft_threshold(point + gradient / constant, weight)
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            point = found + (momentum - 1) / following * (found - before)
            momentum = following
        return found
