"""Cells of delays, and rows of the delay axis: those that see each wave, and those for which a few functions will do.

The kernel of a wave at rows far from it is a smooth function of its delay. So a cell of delays gives all that rows far
from it need as sums of its waves with a few polynomials; rows near it see each wave.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

# Delays are divided into cells of so many rows, later ones into larger cells.
_CELL_ROWS = 24
_CELLS_OF_A_SIZE = 4
# Rows beside a cell, per row of it, from which on its waves make a smooth function of the row.
_MARGIN_SHARE = 1 / 3
# Polynomials that stand for the waves of a cell there: with poles a margin away the error falls as 3^-n, and the kernel
# of a wave 8 rows away is 1/25 of its peak, so it is 1e-7 of that peak.
N_POLYNOMIALS = 12
# Length of the first interval beyond the rows that are taken one by one, where the sum over rows is a quadrature.
_MARGIN = 8
# Nodes per octave of distance: the poles lie one interval length away, so the error falls as 5.8^(-2 nodes), and what
# lies beyond the margin is 1/80 of a wave's power at most.
_NODES_PER_OCTAVE = 3


def cell_bounds(earliest: int, latest: int) -> tuple[int, ...]:
    """First delays of the cells from the earliest row to the latest, and the end of the last cell."""
    bounds, size = [earliest], _CELL_ROWS
    while bounds[-1] <= latest:
        for _ in range(_CELLS_OF_A_SIZE):
            if bounds[-1] <= latest:
                bounds.append(bounds[-1] + size)
        size *= 2
    return tuple(bounds)


def _margin(begin: int, end: int) -> int:
    return math.ceil((end - begin) * _MARGIN_SHARE)


def rows_near(begin: int, end: int, n_rows: int) -> Tensor:
    """Rows near a cell, not more than there are, int64; they may lie outside of the period."""
    margin = _margin(begin, end)
    return torch.arange(begin - margin, min(end + margin, begin - margin + n_rows))


@dataclass(frozen=True)
class Rows:
    """Rows whose weighted sum of powers stands for that of all rows.

    Attributes:
        weights: weights of the power of the product there, ``[n]``, float64.
        kept: which of them are rows 0 to ``n_delay - 1``, ``[n_delay]``, int64.
        near: which of them are near each cell.
        near_rows: rows that these are, ``[n_near]``, int64; they may lie outside of the period.
        coefficients: of the polynomials of all cells, ``[n, n_cells n_polynomials]``, float32; 0 near the cell.
    """

    weights: Tensor
    kept: Tensor
    near: tuple[slice | Tensor, ...]
    near_rows: tuple[Tensor, ...]
    coefficients: Tensor


@lru_cache(maxsize=128)
def rows_for(bounds: tuple[int, ...], n_rows: int, n_delay: int) -> Rows:
    """Rows for some cells of delays: one by one among them and where rows are kept, few of those beyond."""
    cells = list(pairwise(bounds))
    first = min(bounds[0] - _margin(*cells[0]), 0)
    last = max(bounds[-1] + _margin(*cells[-1]) - 1, n_delay - 1)
    n_single = min(last - first + 1, n_rows)
    row = [torch.arange(first, first + n_single, dtype=torch.float64)]
    weight = [torch.ones(n_single, dtype=torch.float64)]
    # The rows outside the window form one arc of the circle of delays; intervals grow with the distance from it.
    outside = n_rows - n_single
    for start, direction, count in ((last + 1, 1, (outside + 1) // 2), (first - 1, -1, outside // 2)):
        done = 0
        while done < count:
            length = min(_MARGIN + done, count - done)
            node, node_weight = gauss_for_sums(length, _NODES_PER_OCTAVE)
            row.append(start + direction * (done + node))
            weight.append(node_weight)
            done += length
    rows = torch.cat(row)
    near, coefficients = [], []
    near_rows = tuple(rows_near(*cell, n_rows) for cell in cells)
    for cell, of_cell in zip(cells, near_rows, strict=True):
        place = (of_cell - first).remainder(n_rows)
        together = bool((place.diff() == 1).all())
        near.append(slice(int(place[0]), int(place[-1]) + 1) if together else place)
        coefficients.append(_coefficients(rows, *cell, n_rows).index_fill_(0, place, 0))
    return Rows(
        weights=torch.cat(weight) / torch.sin((rows + 0.5) * (math.pi / n_rows)).square(),
        kept=(torch.arange(n_delay) - first).remainder(n_rows),
        near=tuple(near),
        near_rows=near_rows,
        coefficients=torch.cat(coefficients, dim=1).to(torch.float32),
    )


def rows_kept(bounds: tuple[int, ...], n_rows: int, n_delay: int) -> Rows:
    """Rows 0 to ``n_delay - 1`` for some cells of delays; their powers, which are not all, count nothing."""
    rows, coefficients, near_rows = torch.arange(n_delay), [], []
    for cell in pairwise(bounds):
        near = rows_near(*cell, n_rows)
        near_rows.append(near[near.remainder(n_rows) < n_delay])
        of_cell = _coefficients(rows.to(torch.float64), *cell, n_rows)
        coefficients.append(of_cell.index_fill_(0, near_rows[-1].remainder(n_rows), 0))
    return Rows(
        weights=torch.zeros(n_delay, dtype=torch.float64),
        kept=rows,
        near=tuple(near.remainder(n_rows) for near in near_rows),
        near_rows=tuple(near_rows),
        coefficients=torch.cat(coefficients, dim=1).to(torch.float32),
    )


def _coefficients(rows: Tensor, begin: int, end: int, n_rows: int) -> Tensor:
    r"""Coefficients of Chebyshev polynomials of a delay in the kernel at rows, ``[n, n_polynomials]``, float64.

    With :math:`1 / (\cot\theta_x - \cot\theta_n) = \sin\theta_x \sin\theta_n / \sin(\theta_n - \theta_x)` the
    first factor goes with the waves.
    """
    degrees = torch.arange(N_POLYNOMIALS, dtype=torch.float64)
    phase = (degrees + 0.5) * (math.pi / N_POLYNOMIALS)
    node = begin + (end - begin) / 2 * (1 + torch.cos(phase))
    turn = math.pi / n_rows
    kernel = torch.sin((rows + 0.5) * turn).unsqueeze(1) / torch.sin((rows.unsqueeze(1) - node) * turn)
    coefficients = kernel @ torch.cos(torch.outer(phase, degrees)) * (2 / N_POLYNOMIALS)
    coefficients[:, 0] /= 2
    return coefficients


def gauss_for_sums(length: int, n_nodes: int) -> tuple[Tensor, Tensor]:
    r"""Gauss quadrature for sums: exact for :math:`\sum_{i=0}^{L-1} p(i)`, p of degree at most ``2 n_nodes - 1``.

    Golub and Welsch's method with the recurrence of the discrete Chebyshev (Gram) polynomials,
    :math:`\beta_i = i^2 (L^2 - i^2) / (4 (4 i^2 - 1))`.

    Args:
        length: number of integers, :math:`L`.
        n_nodes: nodes; with ``length`` or more the integers themselves are the nodes.

    Returns:
        Nodes and weights, float64.
    """
    if n_nodes >= length:
        return torch.arange(length, dtype=torch.float64), torch.ones(length, dtype=torch.float64)
    i = torch.arange(1, n_nodes, dtype=torch.float64)
    beta = i.square() * (length**2 - i.square()) / (4 * (4 * i.square() - 1))
    jacobi = torch.diag(beta.sqrt(), 1) + torch.diag(beta.sqrt(), -1)
    eigenvalues, eigenvectors = torch.linalg.eigh(jacobi)
    return eigenvalues + (length - 1) / 2, length * eigenvectors[0].square()
