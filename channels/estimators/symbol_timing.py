"""Symbol timing at the UE as its pilots give it: where the delay axis of a channel begins."""

import math

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid

# Paths are peaks of the delay profile that are at most this much below the strongest.
_THRESHOLD = 10 ** (-10 / 10)
# Symbols begin at the first path from which the rows kept hold this share of the most that they can hold.
_SHARE = 0.97
# Noise peaks rise above their mean by this many standard deviations of a sum over the ports.
_NOISE_DEVIATIONS = 6
# Steps of the profile within a tap, and taps that symbols begin before the first path, for what leaks out of its tap.
_OVERSAMPLING, _ADVANCE_TAPS = 2, 1.0


def symbol_start(estimate: Tensor, noise_variance: float, pilot_spacing: int, grid: OfdmGrid, n_delay: int) -> Tensor:
    r"""When the symbols of each link begin: a tap before the first peak of its delay profile that suits.

    The profile is :math:`P(\tau) = \sum_m |\frac{1}{N_c} \sum_k w_k \hat H_{k,m} e^{j 2\pi f_k \tau}|^2` with a Hann
    window :math:`w`, whose side lobes lie 31 dB below a path. A peak counts if it is at most 10 dB below the strongest
    and above the noise; delays up to an eighth of a symbol before the strongest are searched. Of the peaks the first is
    taken after which ``n_delay`` taps hold nearly as much energy as after any of them: paths far before the others, and
    those that the spacing of the pilots folds there, do not push all the others out.

    Args:
        estimate: channel estimates ``[batch, n_subcarriers, n_ports]``, complex64.
        noise_variance: of the entries on pilots before any interpolation.
        pilot_spacing: subcarriers from pilot to pilot; the delays of noise repeat so often.
        grid: subcarriers.
        n_delay: taps that are kept of the channel.

    Returns:
        ``[batch]``, float64, s.
    """
    n, n_ports = estimate.shape[-2:]
    window = torch.hann_window(n, periodic=True, dtype=torch.float32, device=estimate.device)
    n_steps = _OVERSAMPLING * n
    # One link at a time stays in the cache, and its digits do not depend on the others.
    power = torch.stack([_profile(link * window, n_steps) for link in estimate.mT])
    noise = noise_variance * pilot_spacing * n_ports * float(window.double().square().sum()) / n**2
    strongest, at = power.max(dim=-1, keepdim=True)
    threshold = (strongest * _THRESHOLD).clamp(min=noise * (1 + _NOISE_DEVIATIONS / math.sqrt(n_ports)))
    # The profile is periodic; steps from an eighth of it before the strongest up to that.
    searched = torch.arange(-(n_steps // 8), 1, device=estimate.device)

    def around(step: int) -> Tensor:
        return power.gather(-1, (at + searched + step).remainder(n_steps))

    before, here, after = around(-1), around(0), around(1)
    peaks = (here >= threshold) & (here >= before) & (here > after)
    # The strongest counts where nothing exceeds the noise.
    peaks[:, -1] = True
    after_each = _energy_after(power, _OVERSAMPLING * n_delay).gather(-1, (at + searched).remainder(n_steps))
    held = torch.where(peaks, after_each, 0.0)
    enough = held >= _SHARE * held.amax(dim=-1, keepdim=True)
    first = (peaks & enough).to(torch.int8).argmax(dim=-1, keepdim=True)
    left, middle, right = (values.gather(-1, first)[:, 0] for values in (before, here, after))
    curvature = left - 2 * middle + right
    # The vertex of a parabola through the peak and its neighbours.
    vertex = torch.where(curvature < 0, 0.5 * (left - right) / curvature, 0.0).clamp(-0.5, 0.5)
    steps = at[:, 0] + searched[first[:, 0]] + vertex
    steps = torch.remainder(steps + n_steps / 2, n_steps) - n_steps / 2
    return (steps / _OVERSAMPLING - _ADVANCE_TAPS) / grid.bandwidth_hz


def _profile(windowed: Tensor, n_steps: int) -> Tensor:
    """Delay profile of ``[n_ports, n_subcarriers]``, ``[n_steps]``, float64."""
    profile = torch.view_as_real(torch.fft.ifft(windowed, n=n_steps)) * (n_steps / windowed.shape[-1])
    return torch.linalg.vector_norm(profile.transpose(0, 1).flatten(1), dim=1).to(torch.float64).square()


def _energy_after(power: Tensor, n_steps: int) -> Tensor:
    """Sum of a periodic profile ``[batch, steps]`` over the ``n_steps`` from each step on, ``[batch, steps]``."""
    twice = torch.cat([power, power[:, :n_steps]], dim=-1)
    total = torch.nn.functional.pad(twice.cumsum(-1), (1, 0))
    return total[:, n_steps : n_steps + power.shape[-1]] - total[:, : power.shape[-1]]


def advance(response: Tensor, delay_s: Tensor, grid: OfdmGrid) -> Tensor:
    """Moves the delay axis of each link to a delay: what arrived then arrives at 0.

    Args:
        response: ``[batch, ..., n_subcarriers, n_ports]``, complex64.
        delay_s: ``[batch]``, float64, s.
        grid: subcarriers.
    """
    turns = delay_s.to(torch.float64)[:, None] * grid.frequencies_hz(response.device)
    angle = (turns - turns.round()).to(torch.float32) * (2 * math.pi)
    ramp = torch.complex(torch.cos(angle), torch.sin(angle))
    return response * ramp.reshape(len(delay_s), *(1,) * (response.ndim - 3), -1, 1)


def uniform_offset(normal: Tensor, grid: OfdmGrid) -> Tensor:
    """Where in a sampling interval a receiver's clock starts, -1/2 to 1/2 of it, from normal draws, s, float64."""
    share = torch.special.ndtr(normal.to(torch.float64)) - 0.5
    return share / grid.bandwidth_hz
