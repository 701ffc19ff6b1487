"""The uplink channel of a report, its estimate at the BS, and LLRs of the coded bits."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from feedback.link import NormalDraw
from feedback.links.parameters.uci import BITS_PER_SYMBOL, UciParameters
from feedback.links.uci.constellation import bit_llrs, symbols_of
from feedback.links.uci.delay_profiles import delay_profile
from feedback.links.uci.grid import UplinkGrid


class Uplink:
    r"""From coded bits to their LLRs, over BS antennas that fade independently.

    .. math:: y_{ak} = h_a(f_k) x_k + n_{ak}, \quad h_a(f) = \sum_l \sqrt{p_l} g_{al} e^{-j 2 \pi f \tau_l},
              \quad g_{al} \sim \mathcal{CN}(0, 1), \quad n_{ak} \sim \mathcal{CN}(0, 1 / \mathrm{SNR})

    with one tap where fading is flat, and :math:`h = 1` without. The channel stays as it is over a slot. Pilots are
    known symbols of the data's power; averaged over the OFDM symbols of a hop they give each subcarrier's
    :math:`\hat h = h + e`, ``ls``, of error variance :math:`\sigma^2 = 1 / (N_p \mathrm{SNR})`. A flat channel is the
    same everywhere and averaged over all pilots. From them, per hop, ``lmmse``

    .. math:: \hat h_\mathrm{LMMSE} = R (R + \sigma^2 I)^{-1} \hat h, \qquad
              R_{ik} = \sum_l p_l e^{-j 2 \pi (f_i - f_k) \tau_l}

    The receiver takes its estimate for the channel: maximum ratio combining
    :math:`z_k = \sum_a \hat h_a^* y_{ak} / \sum_a |\hat h_a|^2`, whose noise it believes to be
    :math:`1 / (\mathrm{SNR} \sum_a |\hat h_a|^2)`.

    Args:
        parameters: of the link.
        n_data: modulated symbols of a report.
        device: where to compute.

    Raises:
        FeedbackInputError: if a report whose place matters is wider than a carrier.
    """

    def __init__(self, parameters: UciParameters, n_data: int, device: str) -> None:
        self._parameters, self._device = parameters, device
        self._noise_power = 10 ** (-parameters.snr_db / 10)
        multipath, pilot_symbols = parameters.multipath, parameters.channel_estimation.n_pilot_symbols
        self.n_pilots = 0
        places, response = np.zeros(n_data, dtype=np.int64), np.ones((1, 1))
        self._n_subcarriers, averaged = 1, 0
        if parameters.has_place:
            grid = UplinkGrid.of(n_data, pilot_symbols, parameters.hop_prbs)
            self.n_pilots = averaged = grid.n_pilots
            if multipath is not None:
                delays, powers = delay_profile(multipath.profile)
                cycles = np.outer(delays * multipath.delay_spread_s, grid.subcarriers * multipath.subcarrier_spacing_hz)
                response = np.sqrt(powers)[:, None] * np.exp(-2j * np.pi * cycles)
                places, self._n_subcarriers, averaged = grid.data_places, grid.n_subcarriers, pilot_symbols
        self._places = torch.from_numpy(places).to(device)
        self._response = torch.from_numpy(response).to(device, torch.complex128)
        self._pilot_noise = self._noise_power / averaged if averaged else 0.0
        # All hops have one covariance: another first frequency turns taps that are circular.
        _, amplitudes, basis = np.linalg.svd(response[:, : self._n_subcarriers], full_matrices=False)
        self._basis = torch.from_numpy(basis).to(device, torch.complex128)
        self._weights = torch.from_numpy(amplitudes**2 / (amplitudes**2 + self._pilot_noise)).to(device)

    def llr(self, coded: Tensor, draw: NormalDraw) -> Tensor:
        """LLRs at the BS of coded bits ``[batch, n]``, same shape, float32: of 1 over 0."""
        bits_per_symbol = BITS_PER_SYMBOL[self._parameters.modulation]
        symbols = symbols_of(coded, bits_per_symbol)
        # Drawn first, so that a report meets the same gain whatever its length.
        channel = self.channel(draw, len(coded))
        estimate = self.estimate(channel, draw)
        combined, power = self._combine(symbols, channel, estimate, draw)
        return bit_llrs(combined, self._noise_power / power, bits_per_symbol, self._parameters.demapper == "max_log")

    def channel(self, draw: NormalDraw, batch: int) -> Tensor:
        """Frequency response on all subcarriers of all hops, ``[batch, bs_antennas, n]``, complex64."""
        antennas, n_taps = self._parameters.bs_antennas, len(self._response)
        if self._parameters.fading == "none":
            return torch.ones((batch, antennas, 1), dtype=torch.complex64, device=self._device)
        gains = _complex_normal(draw, antennas * n_taps).view(batch, antennas, n_taps)
        # In double precision, as the last digits of a batched product depend on its size.
        return gains if n_taps == 1 else (gains.to(torch.complex128) @ self._response).to(torch.complex64)

    def estimate(self, channel: Tensor, draw: NormalDraw) -> Tensor:
        """What the BS takes for the channel ``[batch, bs_antennas, n]``, same shape."""
        estimation = self._parameters.channel_estimation
        if estimation.name == "perfect":
            return channel
        noise = _complex_normal(draw, channel[0].numel()).view(channel.shape)
        observed = channel + math.sqrt(self._pilot_noise) * noise
        if estimation.method == "ls":
            return observed
        hops = observed.to(torch.complex128).unflatten(-1, (-1, self._n_subcarriers))
        smoothed = (hops @ self._basis.mH * self._weights) @ self._basis
        return smoothed.flatten(-2).to(torch.complex64)

    def _combine(self, symbols: Tensor, channel: Tensor, estimate: Tensor, draw: NormalDraw) -> tuple[Tensor, Tensor]:
        """Symbols after combining, and the power by which the receiver believes their SNR to have grown."""
        total, power = torch.zeros_like(symbols), torch.zeros_like(symbols.real)
        # One antenna after the other, so that many take no more memory.
        for antenna in range(channel.shape[1]):
            noise = math.sqrt(self._noise_power) * _complex_normal(draw, symbols.shape[1])
            received = channel[:, antenna, self._places] * symbols + noise
            own = estimate[:, antenna, self._places]
            own_power = own.real.square() + own.imag.square()
            if channel.shape[1] == 1:
                return received / own, own_power
            total, power = total + own.conj() * received, power + own_power
        return total / power, power


@lru_cache(maxsize=16)
def uplink(parameters: UciParameters, n_data: int, device: str) -> Uplink:
    """The uplink of reports of one size; its filters are the same for each."""
    return Uplink(parameters, n_data, device)


def _complex_normal(draw: NormalDraw, count: int) -> Tensor:
    """Circular complex Gaussian numbers of mean power 1, ``[batch, count]``."""
    return torch.view_as_complex(draw((count, 2)) * 0.5**0.5)
