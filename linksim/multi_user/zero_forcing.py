"""Precoders that keep the users of a cell apart, from a direction that the BS knows of each."""

import torch
from torch import Tensor

# Gram matrices of unit vectors get this much on their diagonal, so that users of one direction do not divide by zero.
_SMALLEST = 1e-9


def regularisation(served: Tensor, power: Tensor) -> Tensor:
    r"""What regularised zero-forcing adds for unit vectors: :math:`\alpha_k = |S| / P_k`, ``P = g SNR``.

    C. B. Peel, B. M. Hochwald and A. L. Swindlehurst, IEEE Trans. Commun. 53(1), 2005, DOI 10.1109/TCOMM.2004.840638,
    equation (20), where rows have the mean power :math:`g` and the transmitter the power SNR. Rows of unequal power,
    :math:`S D^H` with :math:`S` diagonal, have the precoder :math:`D S (S D^H D S + \alpha I)^{-1}`, whose columns are
    those of :math:`D (D^H D + \alpha S^{-2})^{-1}` but for their length.

    Args:
        served: which users are, ``[..., users]``, bool.
        power: SNR of each user if it is served alone, ``[..., users]``, float64, linear.

    Returns:
        ``[..., users]``, float64.
    """
    return served.sum(-1, keepdim=True, dtype=torch.float64) / power


def zero_forcing(directions: Tensor, served: Tensor, alpha: Tensor) -> Tensor:
    r"""Weights that keep the served users apart.

    .. math:: W = D (D^H D + \mathrm{diag}(\alpha))^{-1}

    with columns scaled to unit norm; those of ``D`` are the users' directions.

    Args:
        directions: weights that would suit each user alone, ``[..., users, n_tx]``, complex, of unit norm.
        served: which users are, ``[..., users]``, bool.
        alpha: regularisation, ``[..., users]``, float64; zero-forcing at 0.

    Returns:
        Weights ``[..., users, n_tx]``, complex, zero for users that are not served.
    """
    wide = directions.to(torch.complex128) * served[..., None]
    inverse = torch.linalg.inv(regularised_gram(wide, served, alpha))
    weights = torch.einsum("...ka,...kl->...la", wide, inverse)
    norm = torch.linalg.vector_norm(weights, dim=-1, keepdim=True)
    return (weights / torch.where(norm > 0, norm, 1.0)).to(directions.dtype)


def regularised_gram(directions: Tensor, served: Tensor, alpha: Tensor) -> Tensor:
    """``D^H D + diag(alpha)`` of the users that are served, and 1 on the diagonal of the others.

    Args:
        directions: ``[..., users, n_tx]``, complex128, zero for users that are not served.
        served: ``[..., users]``, bool.
        alpha: ``[..., users]``, float64.

    Returns:
        ``[..., users, users]``, complex128, positive definite.
    """
    diagonal = torch.where(served, alpha.clamp(min=_SMALLEST), 1.0)
    return directions.conj() @ directions.mT + torch.diag_embed(diagonal).to(directions.dtype)
