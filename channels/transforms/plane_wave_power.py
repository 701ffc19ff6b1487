"""Mean power of plane waves over band and ports, and with it their truncated matrix, without a frequency response."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid
from channels.transforms.direct_angular_delay import PlaneWaveKernels, check_rows, outer_factor
from channels.transforms.dirichlet_kernel import cosecant_at, cotangent

# Delay rows taken one by one on either side of the delays; further out the sum over rows is a quadrature.
_MARGIN = 8
# Nodes per octave of distance: the poles lie one interval length away, so the error falls as 5.8^(-2 nodes).
_NODES_PER_OCTAVE = 4
# Rows assumed when links are put into groups that fit the cache.
_TYPICAL_ROWS = 128


def mean_power(amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int) -> Tensor:
    """Mean of ``|H|^2`` over subcarriers and ports, ``[...]``, float64, as ``truncated_and_mean_power`` gives it."""
    return _matrix_and_power(amplitude, delay_s, spatial_frequency, grid, n_columns, 0)[1]


def truncated_and_mean_power(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> tuple[Tensor, Tensor]:
    r"""Truncated angular-delay matrix of plane waves on a ULA, and the mean power of all of the response.

    By Parseval the mean of :math:`|H_{k,m}|^2` is :math:`\frac{1}{N_c N_t} \sum_{n,a} |X_{n,a}|^2` over all delay
    rows. Rows among the delays are computed one by one. Beyond them :math:`X_{n,a}`, its row phase apart, is a smooth
    function of :math:`n`, the leakage of the band edges, and the sum over rows follows from Gauss quadrature with
    weights made for sums over integers. Relative error of the mean below 1e-5.

    Args:
        amplitude: complex gains of the waves, ``[..., n_waves]``, complex64.
        delay_s: delays in seconds, ``[..., n_waves]``.
        spatial_frequency: phase advance per port in turns, ``[..., n_waves]``.
        grid: subcarriers.
        n_columns: ports of the ULA.
        n_delay: delay rows kept.

    Returns:
        Matrices as of ``truncated_plane_waves``, ``[..., n_delay, n_columns]``, complex64, and mean powers, ``[...]``,
        float64, linear.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers.
    """
    check_rows(n_delay, grid)
    return _matrix_and_power(amplitude, delay_s, spatial_frequency, grid, n_columns, n_delay)


def _matrix_and_power(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> tuple[Tensor, Tensor]:
    device, shape, n_rows = amplitude.device, amplitude.shape[:-1], grid.n_subcarriers
    kernels = PlaneWaveKernels(amplitude, delay_s, spatial_frequency, grid, n_columns)
    matrix = torch.empty(shape.numel(), n_delay, n_columns, dtype=torch.complex64, device=device)
    power = torch.empty(shape.numel(), dtype=torch.float64, device=device)
    column_power = cosecant_at(torch.arange(n_columns, device=device), n_columns).square()
    earliest, latest = _delay_rows(amplitude, delay_s, grid)
    for links, n_waves in kernels.groups(max(n_delay, _TYPICAL_ROWS)):
        chosen = links.tolist()
        window = _window(min(earliest[i] for i in chosen), max(latest[i] for i in chosen))
        cotangents, weights = _summation_rows(window, n_rows, n_delay)
        product = kernels.product(links, n_waves, cotangents.to(device))
        matrix[links] = torch.complex(*product[:, :, :n_delay].unbind(1))
        row_power = product.square().sum(dim=1) @ column_power
        power[links] = row_power.to(torch.float64) @ weights.to(device)
    matrix = matrix * outer_factor(n_delay, n_columns, grid, device)
    return matrix.reshape(*shape, n_delay, n_columns), (power / (n_rows * n_columns) ** 2).reshape(shape)


def _delay_rows(amplitude: Tensor, delay_s: Tensor, grid: OfdmGrid) -> tuple[list[float], list[float]]:
    """Least and greatest delay of each link's waves, in rows; waves without gain do not count."""
    rows = delay_s.reshape(-1, delay_s.shape[-1]) * grid.bandwidth_hz
    silent = amplitude.reshape(rows.shape) == 0
    earliest = rows.masked_fill(silent, torch.inf).amin(dim=1)
    latest = rows.masked_fill(silent, -torch.inf).amax(dim=1)
    empty = silent.all(dim=1)
    return earliest.masked_fill(empty, 0).tolist(), latest.masked_fill(empty, 0).tolist()


def _window(earliest: float, latest: float) -> tuple[int, int]:
    """Rows to compute one by one, first and last; widened to multiples so that few windows occur."""
    first, last = math.floor(earliest) - _MARGIN, math.ceil(latest) + _MARGIN
    return first // _MARGIN * _MARGIN, -(-last // (2 * _MARGIN)) * 2 * _MARGIN


@lru_cache(maxsize=512)
def _summation_rows(window: tuple[int, int], n_rows: int, n_delay: int) -> tuple[Tensor, Tensor]:
    """Delay rows whose weighted sum stands for the sum over all rows; the first ``n_delay`` are 0 to ``n_delay - 1``.

    Returns:
        Cotangents of the rows, float32, and weights of the power of ``PlaneWaveKernels.product`` there, float64.
    """
    first, last = window
    outside = max(0, n_rows - (last - first + 1))
    one_by_one = torch.arange(first, last + 1).remainder(n_rows) if outside else torch.arange(n_rows)
    kept = torch.arange(n_delay)
    further = one_by_one[one_by_one >= n_delay]
    rows = [kept.to(torch.float64), further.to(torch.float64)]
    weights = [torch.isin(kept, one_by_one).to(torch.float64), torch.ones(len(further), dtype=torch.float64)]
    # The rows outside the window form one arc of the circle of delays; intervals grow with the distance from it.
    for start, direction, count in ((last + 1, 1, (outside + 1) // 2), (first - 1, -1, outside // 2)):
        done = 0
        while done < count:
            length = min(_MARGIN + done, count - done)
            node, weight = gauss_for_sums(length, _NODES_PER_OCTAVE)
            rows.append(start + direction * (done + node))
            weights.append(weight)
            done += length
    row = torch.cat(rows)
    return cotangent(row, n_rows), torch.cat(weights) * cosecant_at(row, n_rows).to(torch.float64).square()


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
