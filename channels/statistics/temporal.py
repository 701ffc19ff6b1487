"""How fast a moving channel changes, one value per sample and lag, mean over the sample's track."""

import torch
from torch import Tensor


def temporal_correlation(track: Tensor) -> Tensor:
    r"""Modulus of the correlation of a snapshot with one ``l`` snapshots later.

    .. math:: |\rho|(l) = \frac{1}{T - l} \sum_{t=0}^{T-l-1}
        \frac{|\langle X_t, X_{t+l} \rangle|}{\lVert X_t \rVert \, \lVert X_{t+l} \rVert}

    It takes angular-delay matrices as well as responses. Snapshots without power correlate with nothing.

    Args:
        track: snapshots ``[batch, n_snapshots, ...]``, complex.

    Returns:
        ``[batch, n_snapshots]``, float64, lags 0 to ``n_snapshots - 1``.
    """
    gram = _gram(track)
    norms = gram.diagonal(dim1=1, dim2=2).real.sqrt()
    product = norms.unsqueeze(2) * norms.unsqueeze(1)
    return _over_lags(gram.abs() / torch.where(product > 0, product, 1.0))


def hold_nmse(track: Tensor) -> Tensor:
    r"""NMSE of using a snapshot ``l`` snapshots later, :math:`\lVert X_t - X_{t+l} \rVert^2 / \lVert X_{t+l} \rVert^2`.

    Args:
        track: snapshots ``[batch, n_snapshots, ...]``, complex.

    Returns:
        ``[batch, n_snapshots]``, float64, linear, lags 0 to ``n_snapshots - 1``; a later snapshot without power
        counts as 0.
    """
    gram = _gram(track)
    power = gram.diagonal(dim1=1, dim2=2).real
    error = (power.unsqueeze(2) + power.unsqueeze(1) - 2 * gram.real).clamp(min=0)
    later = power.unsqueeze(1)
    return _over_lags(torch.where(later > 0, error / torch.where(later > 0, later, 1.0), 0.0))


def _gram(track: Tensor) -> Tensor:
    flat = track.flatten(2).to(torch.complex128)
    return flat @ flat.mH


def _over_lags(pairs: Tensor) -> Tensor:
    """Means over the diagonals at and above the main one, ``[batch, n, n]`` to ``[batch, n]``."""
    return torch.stack([pairs.diagonal(lag, 1, 2).mean(-1) for lag in range(pairs.shape[1])], dim=-1)
