"""Energies, norms and inner products of batches of complex matrices."""

import torch
from torch import Tensor


def energy(matrix: Tensor) -> Tensor:
    """Energy of each complex matrix ``[batch, rows, columns]``, ``[batch]``, float64."""
    return torch.view_as_real(matrix.resolve_conj()).square().sum((-3, -2, -1), dtype=torch.float64)


def row_norm(matrix: Tensor) -> Tensor:
    """Norm along the last axis of a complex tensor, real."""
    return torch.linalg.vector_norm(torch.view_as_real(matrix.resolve_conj()).flatten(-2), dim=-1)


def inner(left: Tensor, right: Tensor) -> Tensor:
    """Inner product along the last axis, the left factor conjugated."""
    return torch.einsum("...m,...m->...", left.conj(), right)
