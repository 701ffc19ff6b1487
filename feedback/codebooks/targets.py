"""What a codebook approximates: the dominant eigenvectors of the channel's covariance in each frequency unit."""

import torch
from torch import Tensor


def covariances(response: Tensor, units: list[slice]) -> Tensor:
    r"""Mean of :math:`H^H H` over the points of each unit.

    Args:
        response: channels ``[batch, n_points, n_rx, P]``, complex; received is ``H w``.
        units: points of each unit, in order.

    Returns:
        ``[batch, units, P, P]``, complex128, Hermitian.
    """
    parts = []
    for unit in units:
        rows = response[:, unit].to(torch.complex128).flatten(1, 2)
        parts.append(rows.mH @ rows / (unit.stop - unit.start))
    return torch.stack(parts, dim=1)


def eigenvectors(covariance: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The ``rank`` strongest eigenvectors, strongest first, of arbitrary phase.

    Args:
        covariance: ``[..., P, P]``, complex, Hermitian.
        rank: how many.

    Returns:
        Unit vectors ``[..., P, rank]`` and their eigenvalues ``[..., rank]``, in double precision.
    """
    values, vectors = torch.linalg.eigh(covariance.to(torch.complex128))
    return vectors[..., -rank:].flip(-1), values[..., -rank:].flip(-1)


def squared_cosines(precoder: Tensor, target: Tensor) -> Tensor:
    r"""SGCS of each layer, :math:`|\hat w^H w|^2 / (\lVert \hat w \rVert^2 \lVert w \rVert^2)`, mean over the units.

    Args:
        precoder: ``[batch, units, P, rank]``, complex.
        target: the same shape.

    Returns:
        ``[batch, rank]``, real.
    """
    inner = (precoder.conj() * target).sum(-2).abs().square()
    norms = precoder.abs().square().sum(-2) * target.abs().square().sum(-2)
    return (inner / norms).mean(1)
