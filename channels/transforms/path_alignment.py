"""Symbol timing at the UE: where the delay axis of a channel begins."""

from dataclasses import replace

import torch
from torch import Tensor

from channels.channel_batch import Paths


def align_to_first_path(paths: Paths, threshold_db: float = 25.0) -> Paths:
    """Moves the time origin to the first significant path, as a UE with perfect symbol timing sees it.

    A path is significant if its power, summed over the ports at the first snapshot, lies within ``threshold_db`` of
    the strongest one's. Earlier, weaker paths get negative delays. Generators pad with paths of zero gain at
    arbitrary delays: those never count, and get delay 0.

    Args:
        paths: path gains and delays.
        threshold_db: significance threshold below the strongest path, dB.

    Returns:
        The same paths with shifted delays, float64, seconds.
    """
    # Snapshot by snapshot, as in double precision no gain of single precision is too weak to count.
    powers = [_power(gains) for gains in paths.coefficients.unbind(1)]
    power, silent = powers[0], torch.stack(powers).amax(dim=0) == 0
    threshold = power.amax(dim=1, keepdim=True) * 10 ** (-threshold_db / 10)
    delays = paths.delays_s.to(torch.float64)
    first = torch.where(power >= threshold, delays, torch.inf).amin(dim=1, keepdim=True)
    return replace(paths, delays_s=torch.where(silent, torch.zeros_like(delays), delays - first))


def _power(gains: Tensor) -> Tensor:
    """Power over the ports of ``[batch, n_ports, n_paths]``, ``[batch, n_paths]``, float64."""
    return torch.view_as_real(gains).to(torch.float64).square().sum(dim=1).sum(dim=-1)
