"""Truncated angular-delay matrix straight from propagation paths, without the frequency response in between.

Same result as ``frequency_response`` followed by ``AngularDelayTransform.truncate``: both DFTs of a path are known in
closed form, so a link costs (rows kept x paths x ports) instead of (subcarriers x paths x ports).
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Paths
from channels.dirichlet_kernel import DirichletKernel, cotangent, row_factor, unit_phasor
from channels.errors import ChannelInputError

# Entries of a kernel matrix worked on at a time, so that it stays in the cache.
_ENTRIES_AT_A_TIME = 1 << 19


def truncated_plane_waves(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> Tensor:
    r"""Truncated angular-delay matrix of plane waves on a ULA.

    With the Dirichlet kernels :math:`D` of the delay, :math:`x_p = B \tau_p`, and of the angle,
    :math:`y_p = -N_t \nu_p`,

    .. math:: X_{n,a} = \frac{1}{\sqrt{N_c N_t}} \sum_p a_p e^{j 2 \pi \lfloor N_c / 2 \rfloor x_p / N_c}
        D_n^{(N_c)}(x_p) \, \overline{D_a^{(N_t)}(y_p)}

    is the transform of
    :math:`H_{k,m} = \sum_p a_p e^{-j 2 \pi f_k \tau_p} e^{-j 2 \pi m \nu_p}`. Its error is that of float32.

    Args:
        amplitude: complex gains of the waves at port 0 and the carrier, :math:`a_p`, ``[..., n_waves]``, complex64.
        delay_s: delays :math:`\tau_p` in seconds, ``[..., n_waves]``, any sign.
        spatial_frequency: phase advance per port in turns, :math:`\nu_p`, ``[..., n_waves]``: half the cosine of the
            angle to the array axis at half-wavelength spacing.
        grid: subcarriers.
        n_columns: ports of the ULA, :math:`N_t`.
        n_delay: delay rows kept, :math:`N_a`.

    Returns:
        ``[..., n_delay, n_columns]``, complex64, column 0 broadside.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers.
    """
    _check(n_delay, grid)
    rows = torch.arange(n_delay, device=amplitude.device)
    columns = torch.arange(n_columns, device=amplitude.device)
    kernels = PlaneWaveKernels(amplitude, delay_s, spatial_frequency, grid, n_columns)
    matrix = torch.cat(list(kernels.products(cotangent(rows, grid.n_subcarriers))))
    outer = row_factor(rows, grid.n_subcarriers).unsqueeze(-1) * row_factor(columns, n_columns).conj()
    matrix = matrix * (outer / math.sqrt(grid.n_subcarriers * n_columns))
    return matrix.reshape(*amplitude.shape[:-1], n_delay, n_columns)


def truncated_paths(paths: Paths, grid: OfdmGrid, array: ArrayShape, n_delay: int) -> Tensor:
    """Truncated angular-delay matrix of paths with one gain per port, any array.

    The delay axis is in closed form as in ``truncated_plane_waves``, the angular axis a small DFT over the ports.

    Args:
        paths: path gains and delays.
        grid: subcarriers.
        array: transmit array; one DFT over its rows and one over its columns, polarisations apart.
        n_delay: delay rows kept.

    Returns:
        ``[batch, n_snapshots, n_delay, n_tx]``, complex64.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers.
    """
    _check(n_delay, grid)
    batch, n_snapshots, n_tx, n_paths = paths.coefficients.shape
    rows = torch.arange(n_delay, device=paths.coefficients.device)
    kernel, centred = _delay_kernel(paths.delays_s, grid)
    gains = paths.coefficients * (kernel.magnitude * unit_phasor(kernel.turns + centred))[:, None, None]
    # [batch, P, 2 (n_snapshots n_tx)], real and imaginary parts side by side: the kernel matrix is real.
    stacked = torch.cat((gains.real, gains.imag), dim=1).permute(0, 3, 1, 2).reshape(batch, n_paths, -1)
    product = torch.bmm(kernel.rows(cotangent(rows, grid.n_subcarriers), slice(None)), stacked)
    product = product.unflatten(-1, (2, n_snapshots, n_tx)).transpose(1, 3)
    per_port = torch.complex(product[:, :, 0], product[:, :, 1])
    scale = row_factor(rows, grid.n_subcarriers) / math.sqrt(grid.n_subcarriers)
    ports = per_port.unflatten(-1, (array.n_polarizations, array.n_rows, array.n_columns))
    return torch.fft.fft2(ports, norm="ortho").flatten(-3) * scale.unsqueeze(-1)


class PlaneWaveKernels:
    """Delay and angle kernels of the plane waves of many links, all constants of a wave folded into one gain.

    Args:
        amplitude: as in ``truncated_plane_waves``, and so are the others.
    """

    def __init__(
        self, amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int
    ) -> None:
        self.delay, centred = _delay_kernel(delay_s.reshape(-1, delay_s.shape[-1]), grid)
        self.angle = DirichletKernel.at(
            spatial_frequency.reshape(-1, delay_s.shape[-1]).to(torch.float64) * -n_columns, n_columns
        )
        phasor = unit_phasor(self.delay.turns + centred - self.angle.turns)
        self.gain = amplitude.reshape(-1, delay_s.shape[-1]) * phasor * (self.delay.magnitude * self.angle.magnitude)
        self.column_cotangent = cotangent(torch.arange(n_columns, device=amplitude.device), n_columns)

    def products(self, row_cotangent: Tensor) -> Iterator[Tensor]:
        """Sums over the waves, row and column factors left out.

        Args:
            row_cotangent: cotangents of the delay rows, ``[n_rows]``.

        Yields:
            Parts ``[n_links, n_rows, n_columns]``, complex64, that together hold all links.
        """
        n_links, n_waves = self.gain.shape
        step = max(1, _ENTRIES_AT_A_TIME // max(1, n_waves * len(row_cotangent)))
        for first in range(0, n_links, step):
            yield self._product(row_cotangent, slice(first, first + step))

    def _product(self, row_cotangent: Tensor, links: slice) -> Tensor:
        columns = self.angle.columns(self.column_cotangent, links)
        gain = self.gain[links].unsqueeze(-1)
        weighted = torch.cat((columns * gain.real, columns * gain.imag), dim=-1)
        product = torch.bmm(self.delay.rows(row_cotangent, links), weighted)
        return torch.complex(*product.chunk(2, dim=-1))


def _delay_kernel(delay_s: Tensor, grid: OfdmGrid) -> tuple[DirichletKernel, Tensor]:
    """Kernel of the delays, and the turns that move subcarrier 0 from the carrier to the lower band edge."""
    taps = delay_s.to(torch.float64) * grid.bandwidth_hz
    centred = taps * ((grid.n_subcarriers // 2) / grid.n_subcarriers)
    return DirichletKernel.at(taps, grid.n_subcarriers), centred


def _check(n_delay: int, grid: OfdmGrid) -> None:
    if not 1 <= n_delay <= grid.n_subcarriers:
        raise ChannelInputError(f"n_delay: got {n_delay}, expected 1 to {grid.n_subcarriers} (n_subcarriers)")
