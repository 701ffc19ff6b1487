"""Powers of propagation paths, and the spread of what they weight."""

import torch
from torch import Tensor

from channels.channel_batch import Paths


def path_powers(paths: Paths) -> Tensor:
    """Power of each path at the first snapshot, mean over the ports, ``[batch, n_paths]``, float64, linear."""
    return torch.view_as_real(paths.coefficients[:, 0]).to(torch.float64).square().sum(-1).mean(1)


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
