"""What a precoder is worth to a UE that knows its channel: SINR of each layer behind an MMSE receiver, and sum rate."""

import math

import torch
from torch import Tensor

# What keeps a layer apart from others is no less than this share of it: layers nearer to each other have no inverse in
# float64.
_ROUNDING = 1e-15


def mmse_sinr(gram: Tensor) -> Tensor:
    r"""SINR of each layer behind a linear MMSE receiver.

    .. math:: \mathrm{SINR}_l = \frac{1}{[(I + G)^{-1}]_{ll}} - 1, \qquad G = W^H H^H H W / \sigma^2

    A layer whose column of ``W`` is zero is not sent: its SINR is 0, and the others are as without it.

    Args:
        gram: ``G``, ``[..., rank, rank]``, complex, Hermitian.

    Returns:
        ``[..., rank]``, float64, not negative.
    """
    gram = gram.to(torch.complex128)
    apart = (_ROUNDING * gram.diagonal(dim1=-2, dim2=-1).real).clamp(min=1)
    inverse = torch.linalg.inv(torch.diag_embed(apart) + gram)
    return (1 / inverse.diagonal(dim1=-2, dim2=-1).real - 1).clamp(min=0)


def layer_sinr(covariance: Tensor, precoder: Tensor) -> Tensor:
    """SINR of each layer in each unit, ``[batch, units, rank]``, float64.

    Args:
        covariance: mean of ``H^H H`` over the noise power, ``[batch, units, P, P]``, complex.
        precoder: ``[batch, units, P, rank]``, complex, of the power that is sent.
    """
    return mmse_sinr(precoder.mH @ covariance.to(precoder.dtype) @ precoder)


def layer_rates(sinr: Tensor) -> Tensor:
    """Rate ``log2(1 + SINR)`` of SINRs ``[...]``, ``[...]``, bit/s/Hz."""
    return torch.log1p(sinr) / math.log(2)
