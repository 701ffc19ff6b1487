"""Truncated angular-delay matrix straight from propagation paths, without the frequency response in between.

Same result as ``frequency_response`` followed by ``AngularDelayTransform.truncate``: both DFTs of a path are known in
closed form, so a link costs (rows kept x paths x ports) instead of (subcarriers x paths x ports).
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Paths
from channels.errors import ChannelInputError
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.dirichlet_kernel import DirichletKernel, cotangent, row_factor, unit_phasor
from channels.transforms.frequency_response import frequency_response

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
    check_rows(n_delay, grid)
    rows = torch.arange(n_delay, device=amplitude.device)
    kernels = PlaneWaveKernels(amplitude, delay_s, spatial_frequency, grid, n_columns)
    row_cotangent = cotangent(rows, grid.n_subcarriers)
    n_links = amplitude.shape[:-1].numel()
    product = torch.empty(n_links, n_delay, n_columns, dtype=torch.complex64, device=amplitude.device)
    for links, n_waves in kernels.groups(n_delay):
        product[links] = torch.complex(*kernels.product(links, n_waves, row_cotangent).unbind(1))
    matrix = product * outer_factor(n_delay, n_columns, grid, amplitude.device)
    return matrix.reshape(*amplitude.shape[:-1], n_delay, n_columns)


def truncated_paths(paths: Paths, grid: OfdmGrid, array: ArrayShape, n_delay: int) -> Tensor:
    """Truncated angular-delay matrix of paths with one gain per port, any array.

    The delay axis is in closed form as in ``truncated_plane_waves``, the angular axis a small DFT over the ports. Gains
    that change over the band have no closed form: these paths take the way over the frequency response.

    Args:
        paths: path gains and delays.
        grid: subcarriers.
        array: transmit array; one DFT over its rows and one over its columns, polarisations and UE antennas apart.
        n_delay: delay rows kept.

    Returns:
        ``[batch, n_snapshots, n_delay, n_ports]``, complex64.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers.
    """
    check_rows(n_delay, grid)
    if paths.band_coefficients is not None:
        return AngularDelayTransform(grid, array, n_delay).truncate(frequency_response(paths, grid))
    batch, n_snapshots, n_ports, n_paths = paths.coefficients.shape
    rows = torch.arange(n_delay, device=paths.coefficients.device)
    kernel, centred = _delay_kernel(paths.delays_s, grid)
    gains = paths.coefficients * (kernel.magnitude * unit_phasor(kernel.turns + centred))[:, None, None]
    # [batch, P, 2 (n_snapshots n_ports)], real and imaginary parts side by side: the kernel matrix is real.
    stacked = torch.cat((gains.real, gains.imag), dim=1).permute(0, 3, 1, 2).reshape(batch, n_paths, -1)
    product = torch.bmm(kernel.rows(cotangent(rows, grid.n_subcarriers)), stacked)
    product = product.unflatten(-1, (2, n_snapshots, n_ports)).transpose(1, 3)
    per_port = torch.complex(product[:, :, 0], product[:, :, 1])
    scale = row_factor(rows, grid.n_subcarriers) / math.sqrt(grid.n_subcarriers)
    ports = per_port.unflatten(-1, (array.n_rx * array.n_polarizations, array.n_rows, array.n_columns))
    return torch.fft.fft2(ports, norm="ortho").flatten(-3) * scale.unsqueeze(-1)


def outer_factor(n_delay: int, n_columns: int, grid: OfdmGrid, device: torch.device) -> Tensor:
    """What the rows and columns of ``PlaneWaveKernels.product`` lack, ``[n_delay, n_columns]``, complex64."""
    rows = row_factor(torch.arange(n_delay, device=device), grid.n_subcarriers)
    columns = row_factor(torch.arange(n_columns, device=device), n_columns)
    return rows.unsqueeze(-1) * columns.conj() / math.sqrt(grid.n_subcarriers * n_columns)


class PlaneWaveKernels:
    """Delay and angle kernels of the plane waves of many links, all constants of a wave folded into one gain.

    Args:
        amplitude: as in ``truncated_plane_waves``, and so are the others.
    """

    def __init__(
        self, amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int
    ) -> None:
        n_waves = amplitude.shape[-1]
        self._amplitude = amplitude.reshape(-1, n_waves)
        self._delay, centred = _delay_kernel(delay_s.reshape(-1, n_waves), grid)
        position = spatial_frequency.reshape(-1, n_waves).to(torch.float64) * -n_columns
        self._angle = DirichletKernel.at(position, n_columns)
        phasor = unit_phasor(self._delay.turns + centred - self._angle.turns)
        self._gain = self._amplitude * phasor * (self._delay.magnitude * self._angle.magnitude)
        self._column_cotangent = cotangent(torch.arange(n_columns, device=amplitude.device), n_columns)

    def groups(self, n_rows: int) -> Iterator[tuple[Tensor, int]]:
        """Links in groups that fit the cache with ``n_rows`` rows, and the number of waves that matter to each group.

        Links of like size go together, so that waves without gain at the end of a link cost next to nothing.
        """
        n_links, n_waves = self._amplitude.shape
        order = torch.arange(1, n_waves + 1, device=self._amplitude.device)
        used = ((self._amplitude != 0) * order).amax(dim=1)
        used, links = used.sort(descending=True, stable=True)
        counts, first = used.tolist(), 0
        while first < n_links:
            width = max(1, counts[first])
            step = max(1, _ENTRIES_AT_A_TIME // (width * n_rows))
            yield links[first : first + step], width
            first += step

    def product(self, links: Tensor, n_waves: int, row_cotangent: Tensor) -> Tensor:
        """Sums over the waves, row and column factors left out.

        Args:
            links: which links, ``[n]``.
            n_waves: waves that matter to them.
            row_cotangent: cotangents of the delay rows, ``[n_rows]``.

        Returns:
            ``[n, 2, n_rows, n_columns]``, float32: real and imaginary part.
        """
        gain = torch.view_as_real(self._gain[links, :n_waves])
        columns = self._angle[links, :n_waves].columns(self._column_cotangent)
        weighted = columns.unsqueeze(2) * gain.unsqueeze(3)
        product = torch.bmm(self._delay[links, :n_waves].rows(row_cotangent), weighted.flatten(2))
        return product.unflatten(2, (2, -1)).transpose(1, 2)


def _delay_kernel(delay_s: Tensor, grid: OfdmGrid) -> tuple[DirichletKernel, Tensor]:
    """Kernel of the delays, and the turns that move subcarrier 0 from the carrier to the lower band edge."""
    taps = delay_s.to(torch.float64) * grid.bandwidth_hz
    centred = taps * ((grid.n_subcarriers // 2) / grid.n_subcarriers)
    return DirichletKernel.at(taps, grid.n_subcarriers), centred


def check_rows(n_delay: int, grid: OfdmGrid) -> None:
    """Refuses a number of delay rows that the grid does not have."""
    if not 1 <= n_delay <= grid.n_subcarriers:
        raise ChannelInputError(f"n_delay: got {n_delay}, expected 1 to {grid.n_subcarriers} (n_subcarriers)")
