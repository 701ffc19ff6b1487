"""Mean power of a sum of plane waves over band and ports, without its frequency response."""

import math

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid
from channels.direct_angular_delay import PlaneWaveKernels
from channels.dirichlet_kernel import cosecant_at, cotangent

# Delay rows taken one by one on either side of the delays; further out the sum over rows is a quadrature.
_MARGIN = 8
# Nodes per octave of distance: the poles lie one interval length away, so the error falls as 5.8^(-2 nodes).
_NODES_PER_OCTAVE = 4


def mean_power(amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int) -> Tensor:
    r"""Mean of :math:`|H_{k,m}|^2` over subcarriers and ports.

    By Parseval the mean is :math:`\frac{1}{N_c N_t} \sum_{n,a} |X_{n,a}|^2` over all delay rows. Rows among the delays
    are computed one by one. Beyond them :math:`X_{n,a}`, its row phase apart, is a smooth function of :math:`n`, the
    leakage of the band edges, and the sum over rows follows from Gauss quadrature with weights made for sums over
    integers. Relative error below 1e-5.

    Args:
        amplitude: complex gains of the waves, ``[..., n_waves]``, complex64; waves of gain 0 cost nothing.
        delay_s: delays in seconds, ``[..., n_waves]``.
        spatial_frequency: phase advance per port in turns, ``[..., n_waves]``.
        grid: subcarriers.
        n_columns: ports of the ULA.

    Returns:
        ``[...]``, float64, linear.
    """
    n_rows = grid.n_subcarriers
    rows, weights = _summation_rows(_delay_window(amplitude, delay_s, grid), n_rows)
    row_power = weights * cosecant_at(rows, n_rows).to(torch.float64).square()
    column_power = cosecant_at(torch.arange(n_columns), n_columns).square().to(amplitude.device)
    kernels = PlaneWaveKernels(amplitude, delay_s, spatial_frequency, grid, n_columns)
    products = kernels.products(cotangent(rows, n_rows).to(amplitude.device))
    row_powers = torch.cat([torch.view_as_real(product).square().sum(-1) @ column_power for product in products])
    power = row_powers.to(torch.float64) @ row_power.to(amplitude.device)
    return (power / (n_rows * n_columns) ** 2).reshape(amplitude.shape[:-1])


def _delay_window(amplitude: Tensor, delay_s: Tensor, grid: OfdmGrid) -> tuple[int, int]:
    """First and last delay row among the delays of all waves with a gain."""
    taps = (delay_s * grid.bandwidth_hz)[amplitude != 0]
    if taps.numel() == 0:
        return 0, 0
    first, last = torch.aminmax(taps)
    return math.floor(float(first)), math.ceil(float(last))


def _summation_rows(window: tuple[int, int], n_rows: int) -> tuple[Tensor, Tensor]:
    """Rows, not all of them integers, and weights whose weighted sum stands for the sum over all rows."""
    first, last = window[0] - _MARGIN, window[1] + _MARGIN
    if last - first + 1 >= n_rows:
        return torch.arange(n_rows), torch.ones(n_rows, dtype=torch.float64)
    inside = torch.arange(first, last + 1).remainder(n_rows).to(torch.float64)
    rows, weights = [inside], [torch.ones_like(inside)]
    # The rows outside form one arc of the circle of delays; intervals grow with the distance from either end.
    outside = n_rows - (last - first + 1)
    halves = ((last + 1, 1, (outside + 1) // 2), (first - 1, -1, outside // 2))
    for start, direction, count in halves:
        done = 0
        while done < count:
            length = min(_MARGIN + done, count - done)
            node, weight = gauss_for_sums(length, _NODES_PER_OCTAVE)
            rows.append(start + direction * (done + node))
            weights.append(weight)
            done += length
    return torch.cat(rows), torch.cat(weights)


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
