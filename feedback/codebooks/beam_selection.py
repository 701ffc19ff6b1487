"""Which rotated DFT beams span the reported eigenvectors best: common to Type II and enhanced Type II."""

import torch
from torch import Tensor

from feedback.codebooks.choices import first_largest, rounded
from feedback.codebooks.layout import PortLayout

# Rotations whose captured power is within this share of the best one's tie: they differ by rounding only.
_TIE = 1e-9


def select_beams(target: Tensor, layout: PortLayout, n_beams: int) -> tuple[Tensor, Tensor]:
    """Rotation and beams that capture most power of the targets, over both polarisations.

    Rotations tie exactly where the beams fill a whole row or column of the basis. Of those the one whose power is least
    evenly spread is taken, then the first: the report then does not follow rounding.

    Args:
        target: unit eigenvectors ``[batch, units, P, rank]``, complex128.
        layout: the ports.
        n_beams: beams L per polarisation.

    Returns:
        Rotation ``q1 O2 + q2``, ``[batch]``, and beams in ascending order, ``[batch, L]``, int64.
    """
    half = target.transpose(-1, -2).unflatten(-1, (2, layout.per_polarisation))
    vectors = half.flatten(1, 3)
    bases = layout.rotated_bases().to(target.device)
    power = torch.einsum("qnp,bvp->bqnv", bases.conj(), vectors).abs().square().sum(-1)
    strongest = torch.sort(power, dim=-1, descending=True, stable=True)
    kept, beams = strongest.values[..., :n_beams], strongest.indices[..., :n_beams]
    total = kept.sum(-1)
    tied = total >= total.amax(-1, keepdim=True) * (1 - _TIE)
    unevenness = rounded(kept.square().sum(-1)).masked_fill(~tied, -1.0)
    rotation = first_largest(unevenness)
    chosen = beams.gather(1, rotation[:, None, None].expand(-1, 1, n_beams))[:, 0]
    return rotation, chosen.sort(-1).values


def beam_matrix(layout: PortLayout, rotation: Tensor, beams: Tensor) -> Tensor:
    """Unit-norm beams of one polarisation, ``[batch, N1 N2, L]``, complex128."""
    bases = layout.rotated_bases().to(rotation.device)
    return bases[rotation[:, None], beams].transpose(1, 2)


def project(target: Tensor, beams: Tensor) -> Tensor:
    """Coefficients of the targets on the beams of both polarisations, ``[batch, units, 2 L, rank]``.

    Args:
        target: ``[batch, units, P, rank]``.
        beams: orthonormal beams of one polarisation, ``[batch, N1 N2, L]``.
    """
    half = target.unflatten(2, (2, beams.shape[1]))
    return torch.einsum("bnl,btznr->btzlr", beams.conj(), half).flatten(2, 3)


def expand(coefficients: Tensor, beams: Tensor) -> Tensor:
    """Vectors over the ports of coefficients on the beams, inverse of ``project`` within their span.

    Args:
        coefficients: ``[batch, units, 2 L, rank]``.
        beams: orthonormal beams of one polarisation, ``[batch, N1 N2, L]``.

    Returns:
        ``[batch, units, P, rank]``, complex.
    """
    half = coefficients.unflatten(2, (2, beams.shape[2]))
    return torch.einsum("bnl,btzlr->btznr", beams, half).flatten(2, 3)
