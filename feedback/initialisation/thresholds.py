"""Where hinges are best: the thresholds of a piecewise linear function that come nearest to a given one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from feedback.layers.basic import LEAKY_SLOPE

# Places along the argument at which functions are compared, and thresholds to choose from.
_BINS = 2000
_CANDIDATES = 24
_SAMPLES = 1000
# Far out few samples are; a little loading keeps the weight of a hinge without any from anything.
LOADING = 1e-9


def best_thresholds(argument: Tensor, wanted: Tensor, slope: Tensor, bends: Sequence[float], count: int) -> list[float]:
    r"""Thresholds ``t`` whose hinges :math:`L(x - t), L(-x - t)` beside those of the bends leave the least error.

    All combinations of a grid are tried on a histogram; the weights of the hinges are those of least squares.

    Args:
        argument: ``x``, any shape.
        wanted: the function's values there, same shape.
        slope: weights of their errors, same shape.
        bends: places of hinges that are there anyway, two each, :math:`L(\\pm(x - b))`.
        count: thresholds to be chosen.
    """
    if count <= 0:
        return []
    # On the CPU, as GPUs add up histograms in any order.
    x, values, weights = (part[:_SAMPLES].flatten().double().cpu() for part in (argument, wanted, slope.square()))
    largest = float(x.abs().max())
    places = ((x / largest + 1) / 2 * (_BINS - 1)).round().long()
    weight = torch.bincount(places, weights, minlength=_BINS)
    mean = torch.bincount(places, weights * values, minlength=_BINS) / weight.clamp_min(1e-300)
    grid = torch.linspace(-largest, largest, _BINS, dtype=torch.float64)
    candidates = largest * torch.arange(_CANDIDATES, dtype=torch.float64) / _CANDIDATES
    fixed = [sign * (grid - bend) for bend in bends for sign in (1.0, -1.0)]
    lines = [*fixed, *(grid - t for t in candidates), *(-grid - t for t in candidates)]
    hinges = torch.nn.functional.leaky_relu(torch.stack(lines, dim=1), LEAKY_SLOPE)
    columns = torch.cat([torch.ones_like(grid)[:, None], hinges], dim=1)
    moments, products = columns.T @ (weight[:, None] * columns), columns.T @ (weight * mean)
    moments.diagonal().add_(LOADING * moments.diagonal().mean())
    chosen = torch.combinations(torch.arange(_CANDIDATES), count)
    always = torch.arange(1 + len(fixed)).expand(len(chosen), -1)
    taken = torch.cat([always, chosen + len(fixed) + 1, chosen + len(fixed) + 1 + _CANDIDATES], dim=1)
    right = products[taken]
    explained = (torch.linalg.solve(moments[taken[:, :, None], taken[:, None, :]], right) * right).sum(dim=1)
    return [float(t) for t in candidates[chosen[explained.argmax()]]]
