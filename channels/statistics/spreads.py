"""Delay statistics of propagation paths, one value per link, without the leakage of a finite band."""

import torch
from torch import Tensor

from channels.channel_batch import Paths


def path_powers(paths: Paths) -> Tensor:
    """Power of each path at the first snapshot, mean over the ports, ``[batch, n_paths]``, float64, linear."""
    return torch.view_as_real(paths.coefficients[:, 0]).to(torch.float64).square().sum(-1).mean(1)


def path_delay_spread(paths: Paths) -> Tensor:
    r"""RMS delay spread :math:`\sqrt{\overline{\tau^2} - \bar\tau^2}` weighted by the power of each path.

    Paths without power do not count, wherever they lie; a link without any power has spread 0.

    Args:
        paths: path gains and delays.

    Returns:
        ``[batch]``, float64, seconds.
    """
    return rms_spread(path_powers(paths), paths.delays_s)


def rms_spread(power: Tensor, position: Tensor) -> Tensor:
    """Standard deviation of positions weighted by power, ``[..., n]`` each, ``[...]``, float64, unit of the position.

    Positions without power do not count; without any power the spread is 0.
    """
    power = power.to(torch.float64)
    position = torch.where(power > 0, position.to(torch.float64), 0.0)
    total = power.sum(-1, keepdim=True)
    share = power / torch.where(total > 0, total, 1.0)
    mean = (share * position).sum(-1, keepdim=True)
    return (share * (position - mean).square()).sum(-1).sqrt()
