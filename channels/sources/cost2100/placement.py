"""Where BS and MS are, and how the MS moves."""

import math

import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.sources.cost2100.environment import Placement, Triangular, Uniform


def draw_positions(placement: Placement, n_links: int, generator: torch.Generator) -> Tensor:
    """Positions of the MS relative to the BS, ``[n_links, 2]``, float64, m."""
    share = torch.rand(2, n_links, generator=generator, device=generator.device, dtype=torch.float64)
    x = _coordinate(placement.ms_x_m, share[0]) - placement.bs_m[0]
    y = _coordinate(placement.ms_y_m, share[1]) - placement.bs_m[1]
    return torch.stack((x, y), dim=-1)


def tracks(start_m: Tensor, speed_m_s: float, snapshots: Snapshots, generator: torch.Generator) -> Tensor:
    """Straight tracks at constant speed, each in a random direction.

    Args:
        start_m: positions at the first snapshot, ``[n_links, 2]``.
        speed_m_s: speed.
        snapshots: when the tracks are observed.
        generator: of the directions.

    Returns:
        Positions at the snapshots, ``[n_links, n_snapshots, 2]``, float64, m.
    """
    turn = torch.rand(len(start_m), generator=generator, device=generator.device, dtype=torch.float64)
    heading = torch.stack((torch.cos(2 * math.pi * turn), torch.sin(2 * math.pi * turn)), dim=-1)
    times_s = torch.tensor(snapshots.times_s, dtype=torch.float64, device=generator.device)
    return start_m.unsqueeze(1) + heading.unsqueeze(1) * (speed_m_s * times_s).unsqueeze(-1)


def _coordinate(distribution: Uniform | Triangular, share: Tensor) -> Tensor:
    """Inverse of the cumulative distribution."""
    low, high = distribution.low, distribution.high
    if isinstance(distribution, Uniform):
        return low + (high - low) * share
    mode = distribution.mode
    rising = low + (share * (high - low) * (mode - low)).sqrt()
    falling = high - ((1 - share) * (high - low) * (high - mode)).sqrt()
    return torch.where(share * (high - low) < mode - low, rising, falling)
