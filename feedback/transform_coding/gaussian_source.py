"""Rate-distortion function of a Gaussian source: what an ideal code takes for the covariance of some channels."""

import torch
from torch import Tensor

_HALVINGS = 100


def gaussian_rate(variances: Tensor, distortion: float) -> float:
    r"""Fewest bits for a proper complex Gaussian vector at a mean square error, by reverse water-filling.

    .. math:: R(D) = \sum_i \max(0, \log_2 (\lambda_i / \theta)), \qquad D = \sum_i \min(\lambda_i, \theta)

    (Cover and Thomas, Elements of Information Theory, theorem 10.3.3, for complex coefficients.) For channels it is no
    bound: those of one covariance that are not Gaussian, as sparse ones are, take fewer bits, and a mixture of
    Gaussians does already. It is what the best code for their second-order statistics alone would take.

    Args:
        variances: eigenvalues of the covariance, ``[n]``, 0 or more.
        distortion: mean square error over the sum of the variances, above 0.

    Raises:
        ValueError: if the distortion is not positive.
    """
    if not distortion > 0:
        raise ValueError(f"distortion: got {distortion}, expected a positive number")
    known = variances.double()
    wanted, low, high = distortion * float(known.sum()), 0.0, float(known.max())
    for _ in range(_HALVINGS):
        level = (low + high) / 2
        low, high = (level, high) if float(known.clamp(max=level).sum()) < wanted else (low, level)
    return float((known[known > high] / high).log2().sum())


def gaussian_distortion(variances: Tensor, bits: float) -> float:
    """Least mean square error of a proper complex Gaussian vector in so many bits, over the sum of the variances.

    Args:
        variances: eigenvalues of the covariance, ``[n]``, 0 or more, some of them positive.
        bits: 0 or more.
    """
    known = variances.double().sort(descending=True).values
    known = known[known > 0]
    counts = torch.arange(1, len(known) + 1, dtype=torch.float64)
    # No k coefficients get more than all bits: the level is their geometric mean over 2^(bits / k), or more.
    level = float(((known.log2().cumsum(0) - bits) / counts).exp2().max())
    level = min(level, float(known[0]))
    return float(known.clamp(max=level).sum() / known.sum())
