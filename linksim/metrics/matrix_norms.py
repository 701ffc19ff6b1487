"""Energies, norms, inner products and means of batches of complex matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def energy(matrix: Tensor) -> Tensor:
    """Energy of each complex matrix ``[batch, rows, columns]``, ``[batch]``, float64."""
    import torch

    return torch.view_as_real(matrix.resolve_conj()).square().sum((-3, -2, -1), dtype=torch.float64)


def row_norm(matrix: Tensor) -> Tensor:
    """Norm along the last axis of complex ``[..., n]``, ``[...]``, real."""
    import torch

    return torch.linalg.vector_norm(torch.view_as_real(matrix.resolve_conj()).flatten(-2), dim=-1)


def inner(left: Tensor, right: Tensor) -> Tensor:
    """Inner product along the last axis of complex ``[..., n]``, the left factor conjugated, ``[...]``, complex."""
    if left.shape == right.shape:
        # A row that is conjugated takes less than a column, or einsum.
        return (left.conj()[..., None, :] @ right[..., None])[..., 0, 0]
    import torch

    return torch.einsum("...m,...m->...", left.conj(), right)


def mean_in_double(values: Tensor) -> Tensor:
    """Mean along the last axis of real ``[..., n]``, ``[...]``, float64."""
    import torch

    return values.mean(-1, dtype=torch.float64)
