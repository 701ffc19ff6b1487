"""Interpolation of channel estimates from a comb of pilot subcarriers 0, s, 2s, ... to all subcarriers."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from channels.estimators.parameters.least_squares import longest_window

# Windows tried, each half as long as the one before.
_WINDOWS = 6
# Power of the rounding of complex64 relative to the numbers.
_ROUNDING = 1e-14
# Least power of a channel relative to the noise that is told from no channel at all.
_MIN_SNR = 1e-3
# Shares of the power that may arrive outside of the longest window; it is noise to the estimate.
_SHARES_OUTSIDE = (0.0, 1e-3, 1e-2, 1e-1)
# Eigenvalues of the correlation below this share of the largest are rounding of float64.
_NEGLIGIBLE = 1e-13


class LinearInterpolation:
    """Linear between neighbouring pilots; beyond the last pilot its estimate is held.

    Args:
        n_subcarriers: subcarriers of the response.
        spacing: subcarriers from pilot to pilot.
    """

    def __init__(self, n_subcarriers: int, spacing: int) -> None:
        index = torch.arange(n_subcarriers)
        last = (n_subcarriers - 1) // spacing
        self._left = index // spacing
        self._right = (self._left + 1).clamp(max=last)
        self._share = ((index % spacing) / spacing)[:, None]

    @property
    def noise_kept(self) -> float:
        """Variance of noise behind the interpolation over that before, mean over the subcarriers."""
        apart = self._left != self._right
        return float(torch.where(apart, self._share[:, 0] ** 2 + (1 - self._share[:, 0]) ** 2, 1.0).mean())

    def __call__(self, pilots: Tensor, noise_variance: float = 0.0) -> Tensor:
        """Estimates on the comb ``[..., n_comb, n_ports]`` to all subcarriers, whatever their noise variance is."""
        left, right = (pilots[..., index.to(pilots.device), :] for index in (self._left, self._right))
        return torch.lerp(left, right, self._share.to(pilots.device, pilots.dtype))


class DelayWindowInterpolation:
    r"""MMSE interpolation with a window of delays as prior: as good as what the pilots say of the channel's delays.

    For a delay profile that is uniform over a window of length :math:`T` around :math:`\tau_0`, subcarriers at a
    distance of :math:`\Delta` correlate by :math:`r(\Delta) = \mathrm{sinc}(\Delta T) e^{-j 2\pi\Delta\tau_0}`, and

    .. math:: \hat H = R_{hp} (R_{pp} + (\sigma^2 / P) I)^{-1} \hat H_p
        = \sum_i v_i \frac{1}{\lambda_i + \sigma^2 / P} u_i^H \hat H_p, \qquad R_{pp} = \sum_i \lambda_i u_i u_i^H, \
        v_i = R_{hp} u_i

    (O. Edfors et al., "OFDM channel estimation by singular value decomposition", IEEE Transactions on Communications
    46(7), 1998, doi:10.1109/26.701321). The UE takes the power :math:`P` of a channel from its pilots, and of windows
    that halve from the longest on the one under which the pilots of all ports are likeliest; what may lie outside of
    the longest counts as noise. An eighth of each window lies at negative delays, for what arrives before the UE's
    symbol timing.

    Args:
        n_subcarriers: subcarriers of the response, :math:`N_c`.
        spacing: subcarriers from pilot to pilot; delays are unambiguous over ``n_subcarriers / spacing`` taps.
        window: taps of the longest window, one tap being the inverse of the bandwidth; by default three quarters of
            the unambiguous range.

    Raises:
        ChannelInputError: if the window exceeds the unambiguous range, or there are more than 2048 pilots.
    """

    # The weights of least mean squared error take off what noise adds.
    noise_kept = 0.0

    def __init__(self, n_subcarriers: int, spacing: int, window: int | None = None) -> None:
        self._sizes = n_subcarriers, spacing, longest_window(n_subcarriers, spacing, window)

    @cached_property
    def _priors(self) -> tuple["_Prior", ...]:
        # A scenario is checked without them.
        return _priors(*self._sizes)

    @cached_property
    def _analysis(self) -> Tensor:
        return torch.cat([prior.eigenvectors for prior in self._priors], dim=1).mH.resolve_conj()

    def __call__(self, pilots: Tensor, noise_variance: float = 0.0) -> Tensor:
        """Estimates on the comb to all subcarriers.

        Args:
            pilots: ``[batch, n_comb, n_ports]``, complex64.
            noise_variance: of each estimate on the comb.

        Returns:
            ``[batch, n_subcarriers, n_ports]``, complex64.
        """
        exact = pilots.to(torch.complex128)
        # Products are of one link at a time, so that the digits of a link do not depend on the rest of the batch.
        analysis = self._analysis.to(pilots.device)
        coefficients = torch.stack([analysis @ link for link in exact])
        numbers, weights = self._likeliest(exact, coefficients.abs().square().sum(-1), noise_variance)
        estimates = []
        for own, number, weight in zip(coefficients, numbers.tolist(), weights, strict=True):
            kept = self._kept(number)
            weighted = own[kept] * weight[kept, None]
            estimates.append(self._priors[number].synthesis.to(pilots.device) @ weighted.to(torch.complex64))
        return torch.stack(estimates)

    def _kept(self, number: int) -> slice:
        """Which of the coefficients are those of a window."""
        start = sum(len(prior.eigenvalues) for prior in self._priors[:number])
        return slice(start, start + len(self._priors[number].eigenvalues))

    def _likeliest(self, exact: Tensor, energies: Tensor, noise_variance: float) -> tuple[Tensor, Tensor]:
        """The window of each link under which its pilots are likeliest.

        Args:
            exact: pilots ``[batch, n_comb, n_ports]``, complex128.
            energies: of the coefficients of all windows over the ports, ``[batch, n]``, float64.
            noise_variance: of each pilot.

        Returns:
            Numbers of the windows, ``[batch]``, and weights of the coefficients, ``[batch, n]``, those of the window.
        """
        n_comb, n_ports = exact.shape[1:]
        received = exact.abs().square().flatten(1).mean(1)
        # The pilots are given in single precision, which is noise as well.
        noise = noise_variance + _ROUNDING * received
        power = torch.maximum(received - noise, _MIN_SNR * noise)
        # Nothing at all is likely under no window, and estimated as nothing.
        noise = torch.where(power == 0, 1.0, noise)
        most = torch.full_like(received, -math.inf)
        numbers, weights = torch.zeros_like(received, dtype=torch.int64), torch.zeros_like(energies)
        for number, prior in enumerate(self._priors):
            own = self._kept(number)
            eigenvalues, energy = prior.eigenvalues.to(exact.device), energies[:, own]
            # Beyond the eigenvectors kept there is only noise.
            left_over = received * (n_comb * n_ports) - energy.sum(1)
            for share in (0.0,) if number else _SHARES_OUTSIDE:
                disturbance = noise + share * power
                variance = ((1 - share) * power)[:, None] * eigenvalues + disturbance[:, None]
                likelihood = -n_ports * variance.log().sum(1) - (energy / variance).sum(1)
                unseen = n_ports * (n_comb - len(eigenvalues)) * disturbance.log()
                likelihood -= left_over / disturbance + unseen
                likelier = likelihood > most
                most = torch.where(likelier, likelihood, most)
                numbers = torch.where(likelier, number, numbers)
                own_weights = ((1 - share) * power)[:, None] / variance
                weights[:, own] = torch.where(likelier[:, None], own_weights, weights[:, own])
        return numbers, weights


@lru_cache(maxsize=8)
def _priors(n_subcarriers: int, spacing: int, longest: float) -> tuple["_Prior", ...]:
    """Of windows that halve from the longest on; kept, as they take long and every point of a run has its estimator."""
    everywhere = torch.arange(n_subcarriers, dtype=torch.float64)
    lengths = [longest / 2**halving for halving in range(_WINDOWS)]
    return tuple(_Prior.of(everywhere, everywhere[::spacing], length, n_subcarriers) for length in lengths)


@dataclass(frozen=True)
class _Prior:
    """Eigenvalues ``[n]``, eigenvectors on the pilots ``[n_comb, n]``, their continuation to all subcarriers."""

    eigenvalues: Tensor
    eigenvectors: Tensor
    synthesis: Tensor

    @classmethod
    def of(cls, everywhere: Tensor, pilots: Tensor, length: float, n_subcarriers: int) -> "_Prior":
        """Of a window of ``length`` taps, an eighth of it at negative delays."""
        centre = length / 2 - length / 8

        def correlation(subcarriers: Tensor) -> Tensor:
            return torch.sinc((subcarriers[:, None] - pilots) * (length / n_subcarriers))

        def at_centre(subcarriers: Tensor) -> Tensor:
            phase = subcarriers * (-2 * math.pi * centre / n_subcarriers)
            return torch.polar(torch.ones_like(phase), phase)[:, None]

        # The centre of the window is a phase ramp, so that the eigenvectors of a real matrix serve.
        values, vectors = torch.linalg.eigh(correlation(pilots))
        kept = values > _NEGLIGIBLE * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        synthesis = at_centre(everywhere) * (correlation(everywhere) @ vectors)
        return cls(values, at_centre(pilots) * vectors, synthesis.to(torch.complex64))
