"""Truncated angular-delay matrix straight from propagation paths, without the frequency response in between.

Same result as ``frequency_response`` followed by ``AngularDelayTransform.truncate``: both DFTs of a path are known in
closed form, so a link costs (rows kept x paths x ports) instead of (subcarriers x paths x ports).
"""

import math

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Paths
from channels.transforms import plane_wave_kernel
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.dirichlet_kernel import cotangent, row_factor, unit_phasor
from channels.transforms.frequency_response import frequency_response
from channels.transforms.plane_waves import PlaneWaves, check_rows, delay_kernel, outer_factor


def truncated_plane_waves(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> Tensor:
    r"""Truncated angular-delay matrix of plane waves on a ULA.

    With the Dirichlet kernels :math:`D` of the delay, :math:`x_p = B \tau_p`, and of the angle,
    :math:`y_p = -N_t \nu_p`,

    .. math:: X_{n,a} = \frac{1}{\sqrt{N_c N_t}} \sum_p a_p e^{j 2 \pi \lfloor N_c / 2 \rfloor x_p / N_c}
        D_n^{(N_c)}(x_p) \, \overline{D_a^{(N_t)}(y_p)}

    is the transform of
    :math:`H_{k,m} = \sum_p a_p e^{-j 2 \pi f_k \tau_p} e^{-j 2 \pi m \nu_p}`. Its error is that of float32. On a CPU a
    kernel in C does so, link by link, where it can be compiled and no gradient is asked for.

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
    if plane_wave_kernel.takes(amplitude, delay_s, spatial_frequency):
        shape = amplitude.shape[:-1]
        of_links = (shape.numel(), amplitude.shape[-1])
        matrices = plane_wave_kernel.matrices(
            amplitude.reshape(of_links),
            delay_s.reshape(of_links),
            spatial_frequency.reshape(of_links),
            grid,
            n_columns,
            n_delay,
        )
        return matrices.reshape(*shape, n_delay, n_columns)
    row_cotangent = cotangent(torch.arange(n_delay, device=amplitude.device), grid.n_subcarriers)
    waves = PlaneWaves.of(amplitude, delay_s, spatial_frequency, grid, n_columns)
    product = amplitude.new_empty(waves.n_links, n_delay, n_columns)
    for group in waves.groups(n_delay):
        product[group.links] = torch.complex(*group.product(group.rows(row_cotangent)).chunk(2, dim=2))
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
    kernel, centred = delay_kernel(paths.delays_s, grid)
    gains = paths.coefficients * (kernel.magnitude * unit_phasor(kernel.turns + centred))[:, None, None]
    # [batch, P, 2 (n_snapshots n_ports)], real and imaginary parts side by side: the kernel matrix is real.
    stacked = torch.cat((gains.real, gains.imag), dim=1).permute(0, 3, 1, 2).reshape(batch, n_paths, -1)
    product = torch.bmm(kernel.rows(cotangent(rows, grid.n_subcarriers)), stacked)
    product = product.unflatten(-1, (2, n_snapshots, n_ports)).transpose(1, 3)
    per_port = torch.complex(product[:, :, 0], product[:, :, 1])
    scale = row_factor(rows, grid.n_subcarriers) / math.sqrt(grid.n_subcarriers)
    ports = per_port.unflatten(-1, (array.n_rx * array.n_polarizations, array.n_rows, array.n_columns))
    return torch.fft.fft2(ports, norm="ortho").flatten(-3) * scale.unsqueeze(-1)
