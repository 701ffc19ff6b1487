r"""Array phases that grow with frequency: at the edges of a wide band a beam points elsewhere than at the carrier.

An element at distance :math:`d` along a wave delays it by :math:`d / c`, whatever the frequency, so its phase at
:math:`f_c + f` is that at the carrier times :math:`1 + f / f_c` (3GPP TR 38.901, 7.6.2). Gains of paths are known at a
few frequencies, the nodes of a Chebyshev polynomial over the band, and interpolated between them.
"""

import math

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid

# Greatest error of the interpolated phase factor: that of single precision.
_ERROR = 1e-7


def aperture_turns(array: ArrayShape, spacing: tuple[float, float], ue_spacing: float = 0.5) -> float:
    """Greatest phase between two elements of both arrays together, in turns at the carrier.

    Args:
        array: the arrays.
        spacing: of BS elements in a row and in a column, wavelengths.
        ue_spacing: of UE antennas, wavelengths.
    """
    along_row, along_column = spacing
    sides = along_row * (array.n_columns - 1), along_column * (array.n_rows - 1)
    return math.hypot(*sides) + ue_spacing * (array.n_rx - 1)


def node_frequencies(grid: OfdmGrid, turns: float) -> Tensor:
    r"""Frequencies from the carrier at which gains must be known, ``[n_nodes]``, float64, Hz.

    With :math:`n` nodes the error of :math:`e^{j \omega x}` over :math:`|x| \le 1` is at most
    :math:`\omega^n / (2^{n - 1} n!)`; here :math:`\omega = 2 \pi \varphi \, B / (2 f_c)`.

    Args:
        grid: the band.
        turns: greatest phase of an element relative to the phase reference at the carrier, :math:`\varphi`, in turns.
    """
    omega = math.pi * turns * grid.bandwidth_hz / grid.carrier_hz
    n_nodes, error = 1, omega
    while error > _ERROR:
        n_nodes += 1
        error *= omega / (2 * n_nodes)
    return _nodes(grid, n_nodes)


def interpolation_weights(grid: OfdmGrid, n_nodes: int) -> Tensor:
    """Lagrange polynomials of the nodes at the subcarriers, ``[n_subcarriers, n_nodes]``, float32."""
    nodes, subcarriers = _nodes(grid, n_nodes), grid.frequencies_hz()
    # Barycentric weights of Chebyshev nodes of the first kind (Berrut and Trefethen, SIAM Review 46(3), 2004).
    angle = (torch.arange(n_nodes, dtype=torch.float64) + 0.5) * (math.pi / n_nodes)
    barycentric = torch.sin(angle) * (1 - 2 * (torch.arange(n_nodes) % 2))
    difference = (subcarriers[:, None] - nodes) / grid.bandwidth_hz
    on_node = difference.abs() < 1e-12
    terms = barycentric / torch.where(on_node, 1.0, difference)
    weights = terms / terms.sum(dim=1, keepdim=True)
    return torch.where(on_node.any(dim=1, keepdim=True), on_node.to(torch.float64), weights).to(torch.float32)


def _nodes(grid: OfdmGrid, n_nodes: int) -> Tensor:
    angle = (torch.arange(n_nodes, dtype=torch.float64) + 0.5) * (math.pi / n_nodes)
    return torch.cos(angle) * (grid.bandwidth_hz / 2)
