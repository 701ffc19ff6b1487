"""Symbol timing at the UE as pilots give it: where the delay axis of a channel begins."""

import math

import torch
from torch import Tensor

from channels.dimensions import OfdmGrid
from channels.estimator import NormalDraw
from channels.estimators.tracking_pilots import TRACKING_SPACING, TRACKING_SYMBOLS

# Paths are peaks of the delay profile that are at most this much below the strongest.
_THRESHOLD = 10 ** (-10 / 10)
# Symbols begin at the first path from which the rows kept hold this share of the most that they can hold.
_SHARE = 0.97
# Noise peaks rise above their mean by this many standard deviations of a sum over the ports.
_NOISE_DEVIATIONS = 6
# Share of the range of unambiguous delays that lies before 0.
_BEFORE = 1 / 8
# Steps of the profile within a tap, and steps that symbols begin before the first path, for what leaks out of its tap.
_OVERSAMPLING, _ADVANCE_STEPS = 2, 2


def tracked_start(response: Tensor, snr: float, draw: NormalDraw, grid: OfdmGrid, n_delay: int) -> Tensor:
    """When the symbols of each link begin, from a CSI-RS for tracking.

    The pilots that the channel is estimated from are too sparse for it: at one in 12 subcarriers paths repeat after a
    twelfth of a symbol, and late ones are taken for early ones. Pilots for tracking have a third of that spacing, or
    less where the band is so narrow that twice the rows kept would not fit. A UE follows the delay profile over many of
    them while the channel fades; here the ports of the BS stand for that fading, each with the noise of one occasion.

    Args:
        response: true channel ``[batch, n_subcarriers, n_ports]``, complex64.
        snr: of the pilots, linear, as ``Estimator.estimate`` has it; infinite where the UE knows the channel.
        draw: standard normal draws.
        grid: subcarriers.
        n_delay: taps that are kept of the channel.

    Returns:
        ``[batch]``, float64, s.
    """
    spacing = max(1, min(TRACKING_SPACING, grid.n_subcarriers // (2 * n_delay)))
    observed, variance = response[:, ::spacing], 1 / snr / TRACKING_SYMBOLS
    if variance:
        noise = torch.view_as_complex(draw((*observed.shape[1:], 2))).to(observed.device)
        observed = torch.add(observed, noise, alpha=math.sqrt(variance / 2))
    return symbol_start(observed, variance, spacing, grid, n_delay)


def symbol_start(pilots: Tensor, noise_variance: float, spacing: int, grid: OfdmGrid, n_delay: int) -> Tensor:
    r"""When the symbols of each link begin: a tap before the first peak of its delay profile that suits.

    The profile is :math:`P(\tau) = \sum_m |\frac{1}{N} \sum_k w_k \hat H_{k,m} e^{j 2\pi f_k \tau}|^2` over the ``N``
    pilots of each port, with a Hann window :math:`w`, whose side lobes lie 31 dB below a path. A peak counts if it is
    at most 10 dB below the strongest and above the noise; delays before the strongest are searched up to an eighth of a
    symbol or half of what the pilots tell apart. Of the peaks the first is taken with which ``n_delay`` taps hold
    nearly as much energy as with any of them: paths far before the others do not push all the others out.

    Args:
        pilots: channel on the pilots ``[batch, n_pilots, n_ports]``, complex64.
        noise_variance: of each entry.
        spacing: subcarriers from pilot to pilot, the first on subcarrier 0.
        grid: subcarriers.
        n_delay: taps that are kept of the channel.

    Returns:
        ``[batch]``, float64, s; of the delays that the pilots do not tell apart, the one from an eighth of their range
        before 0 on. Coarse synchronisation has put the first path there: an SS/PBCH block has consecutive subcarriers
        (TS 38.211, clause 7.4.3.1), which leave nothing to confuse, and symbols may begin at a path long after it.
    """
    n, n_ports = pilots.shape[-2:]
    window = torch.hann_window(n, periodic=True, dtype=torch.float32, device=pilots.device)
    n_steps, step_s = _OVERSAMPLING * n, 1 / (_OVERSAMPLING * n * spacing * grid.spacing_hz)
    # One link at a time stays in the cache, and its digits do not depend on the others.
    power = torch.stack([_profile(link * window, n_steps) for link in pilots.mT])
    noise = noise_variance * n_ports * float(window.double().square().sum()) / n**2
    strongest, at = power.max(dim=-1, keepdim=True)
    threshold = (strongest * _THRESHOLD).clamp(min=noise * (1 + _NOISE_DEVIATIONS / math.sqrt(n_ports)))
    # The profile is periodic; steps from the earliest before the strongest up to that.
    earliest = min(n_steps // 2, n_steps * spacing // 8)
    searched = torch.arange(-earliest, 1, device=pilots.device)

    def around(step: int) -> Tensor:
        return power.gather(-1, (at + searched + step).remainder(n_steps))

    before, here, after = around(-1), around(0), around(1)
    peaks = (here >= threshold) & (here >= before) & (here > after)
    # The strongest counts where nothing exceeds the noise.
    peaks[:, -1] = True
    rows = min(round(n_delay / grid.bandwidth_hz / step_s), n_steps)
    kept = _energy_after(power, rows).gather(-1, (at + searched - _ADVANCE_STEPS).remainder(n_steps))
    held = torch.where(peaks, kept, 0.0)
    enough = held >= _SHARE * held.amax(dim=-1, keepdim=True)
    first = (peaks & enough).to(torch.int8).argmax(dim=-1, keepdim=True)
    left, middle, right = (values.gather(-1, first)[:, 0] for values in (before, here, after))
    curvature = left - 2 * middle + right
    # The vertex of a parabola through the peak and its neighbours.
    vertex = torch.where(curvature < 0, 0.5 * (left - right) / curvature, 0.0).clamp(-0.5, 0.5)
    steps = at[:, 0] + searched[first[:, 0]] + vertex
    steps = torch.remainder(steps + n_steps * _BEFORE, n_steps) - n_steps * _BEFORE
    return (steps - _ADVANCE_STEPS) * step_s


def _profile(windowed: Tensor, n_steps: int) -> Tensor:
    """Delay profile of ``[n_ports, n_pilots]``, ``[n_steps]``, float64."""
    profile = torch.view_as_real(torch.fft.ifft(windowed, n=n_steps)) * (n_steps / windowed.shape[-1])
    return torch.linalg.vector_norm(profile.transpose(0, 1).flatten(1), dim=1).to(torch.float64).square()


def _energy_after(power: Tensor, n_steps: int) -> Tensor:
    """Sum of a periodic profile ``[batch, steps]`` over the ``n_steps`` from each step on, ``[batch, steps]``."""
    twice = torch.cat([power, power[:, :n_steps]], dim=-1)
    total = torch.nn.functional.pad(twice.cumsum(-1), (1, 0))
    return total[:, n_steps : n_steps + power.shape[-1]] - total[:, : power.shape[-1]]


def advance(response: Tensor, delay_s: Tensor, grid: OfdmGrid, *, in_place: bool = False) -> Tensor:
    """Moves the delay axis of each link to a delay: what arrived then arrives at 0.

    Args:
        response: ``[batch, ..., n_subcarriers, n_ports]``, complex64.
        delay_s: ``[batch]``, float64, s.
        grid: subcarriers.
        in_place: whether it takes the place of ``response``.
    """
    turns = delay_s.to(torch.float64)[:, None] * grid.frequencies_hz(response.device)
    angle = (turns - turns.round()).to(torch.float32) * (2 * math.pi)
    ramp = torch.complex(torch.cos(angle), torch.sin(angle)).reshape(len(delay_s), *(1,) * (response.ndim - 3), -1, 1)
    return response.mul_(ramp) if in_place else response * ramp


def uniform_offset(normal: Tensor, grid: OfdmGrid) -> Tensor:
    """Where in a sampling interval a receiver's clock starts, -1/2 to 1/2 of it, from normal draws, s, float64."""
    share = torch.special.ndtr(normal.to(torch.float64)) - 0.5
    return share / grid.bandwidth_hz
