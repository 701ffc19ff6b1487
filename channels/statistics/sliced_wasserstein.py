"""Distance between two sets of channels as distributions, and how much of it is chance."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.errors import ChannelInputError

# Matrix entries projected at a time, 8 bytes each.
_ENTRIES_AT_A_TIME = 1 << 22


@dataclass(frozen=True)
class Range:
    """Mean of a distance over random halves, and the interval that holds 95 % of them."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class SetDistance:
    """Sliced Wasserstein distances between random halves of two sets.

    All halves are of equal size, so that the bias of finite sets, which makes any two halves differ, is in all three
    numbers alike: the sets differ as far as ``between`` lies above ``within_a`` and ``within_b``.

    Attributes:
        between: a half of A and a half of B; the interval is that of the bootstrap without replacement.
        within_a: the two halves of A.
        within_b: the two halves of B.
        n: samples in a half.
    """

    between: Range
    within_a: Range
    within_b: Range
    n: int


def phase_free(csi: Tensor) -> Tensor:
    """Moduli of each matrix over its Frobenius norm, flattened.

    Neither the power of a sample nor the phases of its paths, which are uniform and would hide all else, count.

    Args:
        csi: angular-delay matrices ``[n, n_delay, n_ports]``, complex.

    Returns:
        ``[n, n_delay n_ports]``, float32, rows of norm 1; 0 for an all-zero matrix.
    """
    moduli = csi.abs().flatten(1)
    norm = torch.linalg.vector_norm(moduli, dim=1, keepdim=True, dtype=torch.float64)
    return (moduli / torch.where(norm > 0, norm, 1.0)).to(torch.float32)


def sliced_wasserstein(a: Tensor, b: Tensor, generator: torch.Generator, n_projections: int = 256) -> float:
    r"""Sliced 2-Wasserstein distance between two sets of points.

    .. math:: \sqrt{ d \; \mathrm{mean}_u \; W_2^2(\{u^T a_i\}, \{u^T b_j\}) }

    over random directions :math:`u` on the unit sphere. The dimension :math:`d` makes a shift of all points by
    :math:`\delta` a distance of about :math:`\lVert \delta \rVert`. Sets of different sizes are compared by quantiles.

    Args:
        a: points ``[n_a, d]``, real.
        b: points ``[n_b, d]``, real.
        generator: draws the directions; on the CPU.
        n_projections: number of directions.

    Returns:
        The distance, unit of the points.

    Raises:
        ChannelInputError: if the points differ in dimension, or a set is empty.
    """
    _check(a, b)
    directions = _directions(a.shape[1], n_projections, generator)
    return _distance(_project(a, directions), _project(b, directions), a.shape[1])


def compare_sets(
    a: Tensor, b: Tensor, generator: torch.Generator, n_projections: int = 256, n_splits: int = 100
) -> SetDistance:
    """Sliced Wasserstein distance between two sets, with its 95 % interval and the level within each set.

    Each split draws two disjoint halves of A and two of B, sized by the smaller set. The spread of a statistic over
    random halves is its sampling error on the whole set.

    Args:
        a: points ``[n_a, d]``, real, as ``phase_free`` gives them.
        b: points ``[n_b, d]``, real.
        generator: draws directions and halves; on the CPU.
        n_projections: number of directions.
        n_splits: number of random splits.

    Raises:
        ChannelInputError: if the points differ in dimension, or a set has fewer than four.
    """
    _check(a, b, least=4)
    n = min(len(a), len(b)) // 2
    directions = _directions(a.shape[1], n_projections, generator)
    projected_a, projected_b = _project(a, directions), _project(b, directions)
    distances: list[tuple[float, float, float]] = []
    for _ in range(n_splits):
        a_one, a_two = _halves(projected_a, n, generator)
        b_one, b_two = _halves(projected_b, n, generator)
        pairs = ((a_one, b_one), (a_one, a_two), (b_one, b_two))
        one, two, three = (_distance(*pair, a.shape[1]) for pair in pairs)
        distances.append((one, two, three))
    table = torch.tensor(distances, dtype=torch.float64)
    low, high = torch.quantile(table, torch.tensor((0.025, 0.975), dtype=torch.float64), dim=0)
    ranges = [Range(*map(float, column)) for column in zip(table.mean(0), low, high, strict=True)]
    return SetDistance(ranges[0], ranges[1], ranges[2], n)


def _directions(dimension: int, count: int, generator: torch.Generator) -> Tensor:
    directions = torch.randn(count, dimension, generator=generator)
    return directions / torch.linalg.vector_norm(directions, dim=1, keepdim=True)


def _project(points: Tensor, directions: Tensor) -> Tensor:
    """Positions along each direction, ``[n_projections, n]``, in the order of the points."""
    step = max(1, _ENTRIES_AT_A_TIME // points.shape[1])
    directions = directions.to(points.device, torch.float32)
    return torch.cat([directions @ part.to(torch.float32).T for part in points.split(step)], dim=1)


def _halves(projected: Tensor, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(projected.shape[1], generator=generator).to(projected.device)
    return projected[:, order[:n]], projected[:, order[n : 2 * n]]


def _distance(a: Tensor, b: Tensor, dimension: int) -> float:
    n = max(a.shape[1], b.shape[1])
    difference = _quantiles(a, n).to(torch.float64) - _quantiles(b, n).to(torch.float64)
    return math.sqrt(dimension * float(difference.square().mean()))


def _quantiles(projected: Tensor, n: int) -> Tensor:
    """Quantiles at ``(i + 1/2) / n``, the sorted values themselves where there are ``n``."""
    values = projected.sort(dim=1).values
    place = (torch.arange(n, device=values.device) * 2 + 1) * values.shape[1] // (2 * n)
    return values[:, place]


def _check(a: Tensor, b: Tensor, least: int = 1) -> None:
    if a.shape[1] != b.shape[1]:
        raise ChannelInputError(
            f"got points of {a.shape[1]} and of {b.shape[1]} entries, expected as many in both sets"
        )
    fewest = min(len(a), len(b))
    if fewest < least:
        raise ChannelInputError(f"got {fewest} samples in a set, expected at least {least}")
