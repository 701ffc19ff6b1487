"""Noise on codewords in training."""

import torch
from torch import Tensor


def drawn_snr_db(limits: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Feedback SNRs, uniform in dB between two limits, ``[count, 1]``, on the CPU."""
    low, high = limits
    return low + (high - low) * torch.rand(count, 1, generator=generator)


def with_noise(codewords: Tensor, snr_db: Tensor, generator: torch.Generator) -> Tensor:
    """Codewords ``[batch, M]`` with white noise at an SNR of each, ``[batch, 1]``, dB, against its own power."""
    noise = torch.randn(codewords.shape, generator=generator) * 10 ** (-snr_db / 20)
    power = codewords.square().mean(dim=1, keepdim=True)
    # The square root has no gradient at 0, and a codeword without power gets no noise.
    return codewords + noise.to(codewords.device) * power.clamp_min(torch.finfo(power.dtype).tiny).sqrt()


def with_uniform_noise(codewords: Tensor, generator: torch.Generator) -> Tensor:
    """Codewords ``[batch, M]`` with noise from -1/2 to 1/2, which stands for rounding and has a gradient."""
    noise = torch.rand(codewords.shape, generator=generator) - 0.5
    return codewords + noise.to(codewords.device)


def rounded(codewords: Tensor) -> Tensor:
    """Whole numbers, with the gradient of the identity."""
    return codewords + (codewords.round() - codewords).detach()
