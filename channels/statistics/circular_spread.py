"""Circular angular spread of TR 38.901, annex A."""

import torch
from torch import Tensor

# A uniform spectrum has no direction at all; its spread is cut off here instead of becoming infinite (7.4 rad).
_MIN_CONCENTRATION = 1e-12


def circular_spread(power: Tensor, angle_rad: Tensor) -> Tensor:
    r"""Circular spread of angles weighted by power.

    .. math:: \sigma = \sqrt{-2 \ln \Big| \sum_p P_p e^{j \varphi_p} \Big/ \sum_p P_p \Big|}

    Args:
        power: powers ``[..., n]``, not negative; without any the spread is 0.
        angle_rad: angles in radians, broadcast against the powers.

    Returns:
        ``[...]``, float64, radians.
    """
    power, angle_rad = power.to(torch.float64), angle_rad.to(torch.float64)
    total = power.sum(-1)
    east, north = (power * angle_rad.cos()).sum(-1), (power * angle_rad.sin()).sum(-1)
    concentration = torch.where(total > 0, torch.hypot(east, north) / total, 1.0)
    # Rounding can take a single direction above 1.
    return (-2 * concentration.clamp(_MIN_CONCENTRATION, 1.0).log()).clamp(min=0).sqrt()
