"""Mean power of plane waves over band and ports, and with it their truncated matrix, without a frequency response."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid
from channels.transforms import plane_wave_kernel
from channels.transforms.delay_cells import N_POLYNOMIALS, Rows, cell_bounds, rows_for, rows_near
from channels.transforms.dirichlet_kernel import cosecant_at, cotangent
from channels.transforms.plane_waves import PlaneWaves, Workspace, check_rows, outer_factor

# Sums over waves that are held at a time, and rows assumed beside those kept.
_SUMS_AT_A_TIME = 1 << 23
_TYPICAL_ROWS = 400


def mean_power(amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int) -> Tensor:
    """Mean of ``|H|^2`` over subcarriers and ports, ``[...]``, float64, as ``truncated_and_mean_power`` gives it."""
    workspace = Workspace(amplitude.device)
    return _matrix_and_power(amplitude, delay_s, spatial_frequency, grid, n_columns, 0, workspace)[1]


def truncated_and_mean_power(
    amplitude: Tensor,
    delay_s: Tensor,
    spatial_frequency: Tensor,
    grid: OfdmGrid,
    n_columns: int,
    n_delay: int,
    workspace: Workspace | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Truncated angular-delay matrix of plane waves on a ULA, and the mean power of all of the response.

    By Parseval the mean of :math:`|H_{k,m}|^2` is :math:`\frac{1}{N_c N_t} \sum_{n,a} |X_{n,a}|^2` over all delay
    rows. Rows among the delays are computed one by one: near a wave from its own kernel, elsewhere from a few
    polynomials that stand for all waves of like delay (``channels.transforms.delay_cells``). Beyond the delays
    :math:`X_{n,a}`, its row phase apart, is a smooth function of :math:`n`, the leakage of the band edges, and the sum
    over rows follows from Gauss quadrature with weights made for sums over integers. Relative error of the mean below
    3e-5. On a CPU a kernel in C does so, link by link, where it can be compiled and no gradient is asked for.

    Args:
        amplitude: complex gains of the waves, ``[..., n_waves]``, complex64.
        delay_s: delays in seconds, ``[..., n_waves]``.
        spatial_frequency: phase advance per port in turns, ``[..., n_waves]``.
        grid: subcarriers.
        n_columns: ports of the ULA.
        n_delay: delay rows kept.
        workspace: memory that calls leave to each other.

    Returns:
        Matrices as of ``truncated_plane_waves``, ``[..., n_delay, n_columns]``, complex64, and mean powers, ``[...]``,
        float64, linear.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers.
    """
    check_rows(n_delay, grid)
    workspace = workspace or Workspace(amplitude.device)
    return _matrix_and_power(amplitude, delay_s, spatial_frequency, grid, n_columns, n_delay, workspace)


def _matrix_and_power(
    amplitude: Tensor,
    delay_s: Tensor,
    spatial_frequency: Tensor,
    grid: OfdmGrid,
    n_columns: int,
    n_delay: int,
    workspace: Workspace,
) -> tuple[Tensor, Tensor]:
    shape = amplitude.shape[:-1]
    amplitude, delay_s, spatial_frequency = (
        values.reshape(shape.numel(), -1) for values in (amplitude, delay_s, spatial_frequency)
    )
    if plane_wave_kernel.takes(amplitude, delay_s, spatial_frequency):
        waves_of_links = (amplitude, delay_s, spatial_frequency)
        matrix, power = plane_wave_kernel.matrices_and_powers(*waves_of_links, grid, n_columns, n_delay)
        return matrix.reshape(*shape, n_delay, n_columns), power.reshape(shape)
    at_a_time = max(1, _SUMS_AT_A_TIME // ((n_delay + _TYPICAL_ROWS) * 2 * n_columns))
    matrices, powers = [], []
    for first in range(0, len(amplitude), at_a_time):
        some = slice(first, first + at_a_time)
        waves = PlaneWaves.of(amplitude[some], delay_s[some], spatial_frequency[some], grid, n_columns)
        matrix, power = _matrices_and_powers(waves, grid, n_delay, workspace)
        matrices.append(matrix)
        powers.append(power)
    return torch.cat(matrices).reshape(*shape, n_delay, n_columns), torch.cat(powers).reshape(shape)


def _matrices_and_powers(
    waves: PlaneWaves, grid: OfdmGrid, n_delay: int, workspace: Workspace
) -> tuple[Tensor, Tensor]:
    """Matrices and mean powers of some links, ``[n_links, n_delay, n_columns]`` and ``[n_links]``."""
    n_rows, n_columns, device = grid.n_subcarriers, waves.n_columns, waves.link.device
    earliest, latest = (math.floor(float(x)) for x in waves.taps.aminmax()) if len(waves.taps) else (0, 0)
    bounds = cell_bounds(earliest, latest)
    cell = torch.bucketize(waves.taps, torch.tensor(bounds[1:-1], dtype=torch.float64, device=device), right=True)
    waves = _with_factors(waves, cell, bounds, n_rows)
    n_cells = cell.new_zeros(waves.n_links).scatter_reduce_(0, waves.link, cell, "amax") + 1
    n_cells, order = n_cells.sort(stable=True)
    sums = _sums(n_cells, bounds, n_rows, n_delay, n_columns, workspace)
    for number, (first, end) in enumerate(pairwise(bounds)):
        row_cotangent = cotangent(rows_near(first, end, n_rows), n_rows).to(device)
        products = _products(waves, (cell == number).nonzero()[:, 0], order, row_cotangent, workspace)
        for some, of_cell in zip(sums, products.split([len(some.product) for some in sums]), strict=True):
            some.add(number, of_cell)

    column_power = cosecant_at(torch.arange(n_columns, device=device), n_columns).square().repeat(2)
    matrices, powers = zip(*(some.matrix_and_power(column_power) for some in sums), strict=True)
    place = order.argsort()
    matrix = torch.cat(matrices)[place] * outer_factor(n_delay, n_columns, grid, device)
    return matrix, torch.cat(powers)[place] / (n_rows * n_columns) ** 2


@dataclass(frozen=True)
class _Sums:
    """Sums over the waves of links whose delays lie in the same cells.

    Attributes:
        rows: rows of the sums.
        product: what the cells nearby give, ``[n_links, n_rows, 2 n_columns]``, float32.
        moments: what each cell gives to rows far from it, ``[n_links, n_cells n_polynomials, 2 n_columns]``, float32.
    """

    rows: Rows
    product: Tensor
    moments: Tensor

    def add(self, number: int, of_cell: Tensor) -> None:
        """Takes what ``_products`` gives of a cell, which may be beyond the last."""
        if number >= len(self.rows.near):
            return
        near, place = of_cell[:, :-N_POLYNOMIALS], self.rows.near[number]
        if isinstance(place, slice):
            self.product[:, place].add_(near)
        else:
            self.product.index_add_(1, place.to(near.device), near)
        self.moments[:, number * N_POLYNOMIALS : (number + 1) * N_POLYNOMIALS] = of_cell[:, -N_POLYNOMIALS:]

    def matrix_and_power(self, column_power: Tensor) -> tuple[Tensor, Tensor]:
        """Rows kept, without their factors, ``[n_links, n_delay, n_columns]``, and power, ``[n_links]``, float64."""
        device, product = self.product.device, self.product
        product.baddbmm_(self.rows.coefficients.to(device).expand(len(product), -1, -1), self.moments)
        matrix = torch.complex(*product.index_select(1, self.rows.kept.to(device)).chunk(2, dim=2))
        row_power = (product.square_() @ column_power).to(torch.float64)
        return matrix, row_power @ self.rows.weights.to(device)


def _sums(
    n_cells: Tensor, bounds: tuple[int, ...], n_rows: int, n_delay: int, n_columns: int, workspace: Workspace
) -> list[_Sums]:
    """Empty sums of links in the order of their numbers of cells."""
    numbers, counts = (values.tolist() for values in torch.unique(n_cells, return_counts=True))
    rows = [rows_for(bounds[: number + 1], n_rows, n_delay) for number in numbers]
    sizes = [count * len(some.weights) * 2 * n_columns for count, some in zip(counts, rows, strict=True)]
    products = workspace.empty("sums", sum(sizes)).zero_().split(sizes)
    moments = workspace.empty("moments", sum(counts), (len(bounds) - 1) * N_POLYNOMIALS, 2 * n_columns).split(counts)
    return [
        _Sums(of, product.view(count, -1, 2 * n_columns), moment[:, : number * N_POLYNOMIALS])
        for of, product, moment, count, number in zip(rows, products, moments, counts, numbers, strict=True)
    ]


def _with_factors(waves: PlaneWaves, cell: Tensor, bounds: tuple[int, ...], n_rows: int) -> PlaneWaves:
    """Waves with the sine of their delay's angle and their place in their cell, from -1 to 1."""
    begin = torch.tensor(bounds, dtype=torch.float64, device=cell.device)
    place = (2 * waves.taps - (begin[1:] + begin[:-1])[cell]) / begin.diff()[cell]
    # The gain of a wave at a pole of the cotangent is bounded; so is what makes up for it.
    periods = ((waves.taps + 0.5) / n_rows).floor()
    sine = torch.sin((waves.taps + 0.5 - periods * n_rows) * (math.pi / n_rows)).clamp_(min=1e-15)
    return waves.with_values(sine * (1 - 2 * periods.remainder(2)), place)


def _products(waves: PlaneWaves, of_cell: Tensor, order: Tensor, row_cotangent: Tensor, workspace: Workspace) -> Tensor:
    """Products of a cell's waves at the rows nearby, and with Chebyshev polynomials of their delays.

    Args:
        waves: waves of all cells.
        of_cell: indices of those of the cell, ascending.
        order: order of the links.
        row_cotangent: cotangents of the rows nearby, ``[n_near]``.
        workspace: where the products lie, those of the next cell too.

    Returns:
        ``[n_links, n_near + n_polynomials, 2 n_columns]``, float32, links in that order.
    """
    n_near = len(row_cotangent)
    size = (waves.n_links, n_near + N_POLYNOMIALS, 2 * waves.n_columns)
    out = workspace.empty("products", *size)
    start, place = 0, torch.empty_like(order)
    for group in waves.groups(out.shape[1], of_cell, workspace):
        rows = group.rows(row_cotangent, N_POLYNOMIALS)
        _fill_with_polynomials(rows[:, n_near:], group.values[6], group.values[7])
        end = start + len(group.links)
        group.product(rows, out=out[start:end])
        place[group.links] = torch.arange(start, end, device=order.device)
        start = end
    return torch.index_select(out, 0, place[order], out=workspace.empty("ordered products", *size))


def _fill_with_polynomials(out: Tensor, factor: Tensor, place: Tensor) -> None:
    """Chebyshev polynomials of degree 0 and up at places of waves, times a factor, ``[n, n_polynomials, n_waves]``."""
    out[:, 0] = factor
    torch.mul(factor, place, out=out[:, 1])
    doubled = 2 * place
    for degree in range(2, out.shape[1]):
        torch.mul(out[:, degree - 1], doubled, out=out[:, degree]).sub_(out[:, degree - 2])
