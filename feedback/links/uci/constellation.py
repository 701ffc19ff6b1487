"""Symbols of TS 38.211, clauses 5.1.3 to 5.1.6 (QPSK to 256QAM), and LLRs of their bits."""

import math
from functools import cache

import torch
from torch import Tensor

# Least noise power that LLRs are of: those of less are beyond every decoder's range, and stay finite in float32.
_MIN_NOISE_POWER = 1e-30


def symbols_of(bits: Tensor, bits_per_symbol: int) -> Tensor:
    """Symbols of mean power 1 of bits ``[..., n bits_per_symbol]`` of 0 and 1, ``[..., n]``, complex64.

    Of a symbol's bits every other one decides on the real part, beginning with the first, the others on the imaginary.
    """
    per_axis = bits_per_symbol // 2
    labels = bits.unflatten(-1, (-1, per_axis, 2)).to(torch.int64)
    place_values = 2 ** torch.arange(per_axis - 1, -1, -1, device=bits.device)
    numbers = (labels * place_values[:, None]).sum(dim=-2)
    return torch.view_as_complex(_levels(per_axis).to(bits.device)[numbers])


def bit_llrs(received: Tensor, noise_power: Tensor, bits_per_symbol: int, max_log: bool) -> Tensor:
    r"""LLRs of 1 over 0 of the bits of symbols received over complex white noise, all symbols as likely.

    Noise is the same on both axes and each bit is of one of them, so that with the levels :math:`a` of an axis

    .. math:: L_k = \ln \sum_{a: b_k = 1} e^{-(y - a)^2 / N_0} - \ln \sum_{a: b_k = 0} e^{-(y - a)^2 / N_0},

    which is :math:`-2 \sqrt 2 y / N_0` for QPSK. ``max_log`` takes the largest term of each sum for it.

    Args:
        received: symbols ``[..., n]``, complex64.
        noise_power: of each symbol, ``[..., n]``, float32.
        bits_per_symbol: 2, 4, 6 or 8.
        max_log: whether to take the largest terms alone.

    Returns:
        ``[..., n bits_per_symbol]``, float32.
    """
    per_axis = bits_per_symbol // 2
    axes = torch.view_as_real(received)
    noise = noise_power.clamp_min(_MIN_NOISE_POWER)[..., None]
    if per_axis == 1:
        return (-2 * math.sqrt(2) * axes / noise).flatten(-2)
    levels = _levels(per_axis).to(received.device)
    exponents = -(axes[..., None] - levels).square() / noise[..., None]
    numbers = torch.arange(len(levels), device=received.device)
    llrs = []
    for place in range(per_axis - 1, -1, -1):
        is_one = (numbers >> place & 1).bool()
        one, zero = exponents[..., is_one], exponents[..., ~is_one]
        llrs.append(one.amax(-1) - zero.amax(-1) if max_log else one.logsumexp(-1) - zero.logsumexp(-1))
    return torch.stack(llrs, dim=-2).flatten(-3)


@cache
def _levels(bits_per_axis: int) -> Tensor:
    """Amplitudes of an axis by the number that its bits make, the first one the highest, float32."""
    numbers = torch.arange(2**bits_per_axis)
    signs = [1 - 2 * (numbers >> place & 1).double() for place in range(bits_per_axis)]
    levels = signs[0]
    for place in range(1, bits_per_axis):
        levels = signs[place] * (2**place - levels)
    return (levels / (2 * levels.square().mean()).sqrt()).to(torch.float32)
