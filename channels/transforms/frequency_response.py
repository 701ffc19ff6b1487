"""Frequency response of propagation paths on an OFDM grid, and its normalisation.

All ports of an array see the same path delays, so the response is one product of (subcarriers x paths) with
(paths x ports) per link, and the delay phases are computed once per path instead of once per port.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid, Paths
from channels.transforms.beam_squint import interpolation_weights

_FINE_STEPS = 32


def frequency_response(paths: Paths, grid: OfdmGrid) -> Tensor:
    r"""Response of every port on every subcarrier, at every snapshot.

    .. math:: H[t, k, n] = \sum_p a_p[t, n] \, e^{-j 2 \pi f_k \tau_p[t]}

    with gains :math:`a_p[t, n, f_k]` where the paths have some over the band.

    Each link is computed on its own, so that its digits do not depend on the rest of the batch.

    Args:
        paths: path gains and delays.
        grid: subcarriers, :math:`f_k`.

    Returns:
        ``[batch, n_snapshots, n_subcarriers, n_ports]``, complex64, contiguous, on the device of the paths.
    """
    gains = paths.coefficients.transpose(2, 3)
    batch, n_snapshots, _, n_ports = gains.shape
    response = gains.new_empty(batch, n_snapshots, grid.n_subcarriers, n_ports)
    phases = delay_phases(paths.delays_s, grid)
    band = paths.band_coefficients
    weights = None if band is None else interpolation_weights(grid, band.shape[2]).to(gains.device)
    for link in range(batch):
        for snapshot in range(n_snapshots):
            if paths.delay_changes_s is not None and snapshot:
                moved = paths.delays_s[link].to(torch.float64) + paths.delay_changes_s[link, snapshot]
                of_link = delay_phases(moved, grid)
            else:
                of_link = phases[link]
            if band is not None and weights is not None:
                at_nodes = of_link.T @ band[link, snapshot].mT
                response[link, snapshot] = torch.einsum("kq,qkn->kn", weights.to(at_nodes.dtype), at_nodes)
                continue
            torch.mm(of_link.T, gains[link, snapshot], out=response[link, snapshot])
    return response


def delay_phases(delays_s: Tensor, grid: OfdmGrid) -> Tensor:
    r"""Phase factors :math:`e^{-j 2 \pi f_k \tau}`.

    Subcarriers are evenly spaced, so the factors are outer products of a coarse and a fine step. The phases of both
    are reduced to one turn in double precision before the complex64 exponential.

    Args:
        delays_s: delays in seconds, ``[..., n_paths]``.
        grid: subcarriers, :math:`f_k`.

    Returns:
        ``[..., n_paths, n_subcarriers]``, complex64.
    """
    frequencies = grid.frequencies_hz(delays_s.device)
    delays = delays_s.to(torch.float64).unsqueeze(-1)
    coarse = _unit_phasor(frequencies[::_FINE_STEPS] * delays)
    fine = _unit_phasor((frequencies[:_FINE_STEPS] - frequencies[0]) * delays)
    factors = (coarse.unsqueeze(-1) * fine.unsqueeze(-2)).flatten(-2)
    return factors[..., : grid.n_subcarriers]


def normalise_power(paths: Paths, grid: OfdmGrid) -> Paths:
    r"""Scales every link to a mean of 1 for :math:`|H|^2` over the band and the ports, at the first snapshot.

    The mean is exact, and needs no frequency response: with the average :math:`D` of
    :math:`e^{-j 2 \pi f_k \tau}` over the subcarriers it is

    .. math:: \frac{1}{N_t} \sum_{p, q} \Big(\sum_n a_p[n] \, a_q^*[n]\Big) D(\tau_p - \tau_q)

    :math:`D` is a Dirichlet kernel, the product of a real number with a phase that is one factor of
    :math:`\tau_p` times one of :math:`\tau_q`: turned by these, the gains need the real part of their products only.

    Where gains change over the band, it is the mean over the response. Later snapshots get the factor of the first:
    fading over time stays. Links without any power stay as they are.

    Args:
        paths: path gains and delays.
        grid: the band to average over.

    Returns:
        Scaled paths; ``gain_db`` grows by the power removed, in dB.
    """
    first = paths.coefficients[:, 0]
    if paths.band_coefficients is not None:
        response = frequency_response(paths, grid)[:, 0]
        power = torch.view_as_real(response).to(torch.float64).square().sum(-1).mean((1, 2))
        return _scaled_by(paths, power)
    n = grid.n_subcarriers
    # Subcarriers are whole multiples of B / N from the carrier, so that a delay N / B later is the same.
    turns = torch.remainder(paths.delays_s.to(torch.float64) * (grid.bandwidth_hz / n), 1)
    turns = torch.where(turns < 1, turns, 0)
    turned = first * _unit_phasor(turns * -(n // 2 - (n - 1) / 2)).unsqueeze(1)
    parts = torch.cat((turned.real, turned.imag), dim=1)
    kernel = _dirichlet_ratio(turns.unsqueeze(2) - turns.unsqueeze(1), n)
    return _scaled_by(paths, (torch.bmm(parts.mT, parts) * kernel).sum(dim=(1, 2)) / first.shape[1])


def _scaled_by(paths: Paths, power: Tensor) -> Paths:
    power = torch.where(power > 0, power, torch.ones_like(power))
    scale = power.rsqrt().to(torch.float32)
    return replace(paths.scaled(scale), gain_db=paths.gain_db + 10 * torch.log10(power).to(torch.float32))


def _unit_phasor(turns: Tensor) -> Tensor:
    angle = ((turns - turns.round()) * (-2 * math.pi)).to(torch.float32)
    return torch.complex(torch.cos(angle), torch.sin(angle))


def _dirichlet_ratio(turns: Tensor, n: int) -> Tensor:
    """``sin(pi n x) / (n sin(pi x))`` of turns ``-1 < x < 1``, float64; 1 at 0."""
    denominator = n * torch.sin(math.pi * turns)
    ratio = torch.sin(math.pi * n * turns) / denominator
    return torch.where(denominator.abs() < 1e-12, 1.0, ratio)
