"""Choices of a UE that do not follow rounding: of equals the first, and equal is what is so to nine digits."""

import torch
from torch import Tensor

_DIGITS = 9


def first_largest(scores: Tensor, share: float = 0.0) -> Tensor:
    """Index of the first score along the last axis that is the largest, or within ``share`` of it.

    Args:
        scores: ``[..., n]``, real.
        share: of the largest score's modulus; scores that are so near are equal but for rounding.

    Returns:
        ``[...]``, int64.
    """
    largest = scores.amax(-1, keepdim=True)
    least = largest - share * largest.abs() if share else largest
    # The first of equals: argmax of real numbers does not promise it.
    return (scores >= least).to(torch.uint8).argmax(-1)


def falling_order(values: Tensor) -> Tensor:
    """Indices ``[..., n]`` by falling value along the last axis; what is equal to nine digits keeps its order."""
    return torch.argsort(rounded(values), dim=-1, descending=True, stable=True)


def rounded(values: Tensor) -> Tensor:
    """Values ``[...]`` to nine digits behind the point."""
    return torch.round(values, decimals=_DIGITS)
