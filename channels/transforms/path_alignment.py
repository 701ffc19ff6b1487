"""Symbol timing at the UE: where the delay axis of a channel begins."""

from dataclasses import replace

import torch

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
    power = paths.coefficients[:, 0].abs().to(torch.float64).square().sum(dim=1)
    silent = paths.coefficients.abs().amax(dim=(1, 2)) == 0
    threshold = power.amax(dim=1, keepdim=True) * 10 ** (-threshold_db / 10)
    delays = paths.delays_s.to(torch.float64)
    first = torch.where(power >= threshold, delays, torch.inf).amin(dim=1, keepdim=True)
    return replace(paths, delays_s=torch.where(silent, torch.zeros_like(delays), delays - first))
