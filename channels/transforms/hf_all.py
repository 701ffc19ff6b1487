"""``HF_all``: the untruncated reference of the public CsiNet data, over angle and frequency.

The public test script zero-pads the delay rows to 257, transforms them to frequency, and compares the first 125 bins.
"""

import math

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.transforms.sizes import HF_BINS, HF_POINTS


def reference_grid(grid: OfdmGrid) -> tuple[OfdmGrid, float]:
    r"""Frequencies of the bins: :math:`f_0 + k B / 257`, with the lowest subcarrier :math:`f_0` of the grid.

    These are the points at which the zero-padded DFT of truncated delay rows gives the channel, whatever the number
    of subcarriers.

    Returns:
        A grid of the 125 bins around a centre of its own, and the offset of that centre from the carrier, Hz.
    """
    spacing_hz = grid.bandwidth_hz / HF_POINTS
    lowest_hz = -(grid.n_subcarriers // 2) * grid.bandwidth_hz / grid.n_subcarriers
    return OfdmGrid(HF_BINS, HF_BINS * spacing_hz, grid.carrier_hz), lowest_hz + (HF_BINS // 2) * spacing_hz


def refuse_beam_squint(beam_squint: bool) -> None:
    """Refuses channels whose array phases change over the band.

    Raises:
        ChannelInputError: if they do.
    """
    if beam_squint:
        raise ChannelInputError("HF_all: got channels with beam_squint, expected none: the public data have no such")


def angular_reference(response: Tensor, grid: OfdmGrid, array: ArrayShape) -> Tensor:
    r"""``HF_all`` of frequency responses at the bins: :math:`\sqrt{N_c} H F_a^H`.

    It has the unit of the zero-padded DFT (without a factor) of angular-delay matrices.

    Args:
        response: responses at the bins, ``[..., 125, n_ports]``, complex.
        grid: subcarriers of the angular-delay matrices that it is the reference of.
        array: transmit array.

    Returns:
        ``[..., 125, n_ports]``, same dtype.
    """
    ports = response.unflatten(-1, (array.n_rx * array.n_polarizations, array.n_rows, array.n_columns))
    return torch.fft.fft2(ports, norm="ortho").flatten(-3) * math.sqrt(grid.n_subcarriers)
