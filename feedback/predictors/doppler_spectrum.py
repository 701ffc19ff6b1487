r"""Doppler spectra of channel entries, learnt from noisy reports, and what they say of the channel at another time.

An entry is a sum of oscillators, :math:`x_t = \sum_g z_g e^{2 \pi j f_g t}` with independent circular Gaussian
amplitudes of variance :math:`p_g`, and a report is :math:`y_t = x_t + v_t` with white error of variance
:math:`\sigma^2`. So the covariance of the reports is

.. math:: \Sigma = V \mathrm{diag}(p) V^H + \sigma^2 I, \qquad V_{tg} = e^{2 \pi j f_g t},

positive definite whatever the spectrum, with the variance of the error at lag 0 only.
"""

import math

import torch
from torch import Tensor

from feedback.predictors.linear_prediction import squared_modulus

_ITERATIONS = 50
# Frequencies over the Nyquist band, and these times the number of reports at least.
_MIN_FREQUENCIES = 64
_FREQUENCIES_A_REPORT = 4
# Next to frequency 0 they lie closer, because channels may move little from report to report: 1.5^k times this.
_MIN_FREQUENCY = 5e-4
_FREQUENCY_RATIO = 1.5
# Least error of a report that the covariance is inverted with, relative to the power; reports are float32.
_EXACT = 1e-10


def frequencies(n_reports: int) -> Tensor:
    """Grid of Doppler frequencies, in cycles a report period, ``[n_frequencies]``, float64."""
    count = max(_MIN_FREQUENCIES, _FREQUENCIES_A_REPORT * n_reports)
    steps = math.ceil(math.log(1 / count / _MIN_FREQUENCY) / math.log(_FREQUENCY_RATIO))
    fine = _MIN_FREQUENCY * _FREQUENCY_RATIO ** torch.arange(max(steps, 0), dtype=torch.float64)
    even = torch.arange(count, dtype=torch.float64) / count - 0.5
    return torch.cat([even, fine, -fine])


def common_spectrum(reports: Tensor, erased: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    r"""The spectrum that all entries of a UE share, of greatest likelihood, and a first guess of the error's variance.

    With :math:`C` the mean of :math:`y y^H` over the entries, weighted by their power, so that those that hold nothing
    but error count for little, by the ascent (Sun, Babu and Palomar, "Majorization-minimization algorithms in signal
    processing", 2017, DOI 10.1109/TSP.2016.2601299)

    .. math:: p_g \leftarrow p_g \sqrt{\frac{v_g^H \Sigma^{-1} C \Sigma^{-1} v_g}{v_g^H \Sigma^{-1} v_g}}, \qquad
              \sigma^2 \leftarrow \sigma^2 \sqrt{\frac{\mathrm{tr}(\Sigma^{-1} C \Sigma^{-1})}{\mathrm{tr} \Sigma^{-1}}}

    that never makes the likelihood smaller. Forward and backward in time count alike, as the process is stationary.

    Args:
        reports: ``[batch, n_reports, n_entries]``, complex128, the oldest first, 0 where one was lost.
        erased: which reports were lost, ``[batch, n_reports]``, bool.
        grid: ``[n_frequencies]``.

    Returns:
        Shares of the power, ``[batch, n_frequencies]``, that sum up to 1, and :math:`\sigma^2`, ``[batch]``; float64.
    """
    arrived = (~erased).to(torch.float64)
    count = arrived.sum(1).clamp(min=1)
    energy = squared_modulus(reports).sum(1)
    weight = energy / energy.sum(1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    covariance = torch.einsum("bie,bje->bij", reports * weight[:, None], reports.conj())
    both = (covariance + covariance.flip((-1, -2)).conj()) / 2
    covariance = torch.where(erased.any(1)[:, None, None], covariance, both)
    # Where there is nothing but zeros any power does.
    power = covariance.diagonal(dim1=-2, dim2=-1).real.sum(-1) / count
    power = torch.where(power > 0, power, 1.0)
    covariance = covariance / power[:, None, None]
    waves = _waves(grid, reports.shape[1])
    identity = torch.eye(reports.shape[1], dtype=torch.complex128, device=reports.device)
    seen = arrived[:, :, None] * waves
    spectrum = torch.full((len(reports), len(grid)), 1 / len(grid), dtype=torch.float64, device=reports.device)
    error = torch.full_like(power, 0.1)
    for _ in range(_ITERATIONS):
        inverse = torch.linalg.inv((seen * spectrum[:, None]) @ seen.mH + error[:, None, None] * identity)
        weighted = inverse @ covariance @ inverse
        wanted, found = ((seen.conj() * (matrix @ seen)).real.sum(1) for matrix in (weighted, inverse))
        spectrum = spectrum * _step(wanted, found)
        wanted, found = ((arrived * matrix.diagonal(dim1=-2, dim2=-1).real).sum(1) for matrix in (weighted, inverse))
        error = (error * _step(wanted, found)).clamp(min=_EXACT)
    total = spectrum.sum(1, keepdim=True)
    shares = torch.where(total > 0, spectrum / total.clamp(min=_EXACT), 1 / len(grid))
    return shares, error * power


def powers_and_error(
    reports: Tensor, erased: Tensor, grid: Tensor, shares: Tensor, error: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Power of every entry, and the variance of the error of all of them, of greatest likelihood for a spectrum.

    In the eigenvectors of the spectrum's covariance, of eigenvalues :math:`\lambda_i`, an entry's reports are
    independent, of variance :math:`\alpha_e \lambda_i + \sigma^2`; the ascent is that of ``common_spectrum``. Entries
    that hold nothing but error say most of :math:`\sigma^2`.

    Args:
        reports: as for ``common_spectrum``.
        erased: likewise.
        grid: likewise.
        shares: likewise, its result.
        error: likewise, to start from.

    Returns:
        :math:`\alpha`, ``[batch, n_entries]``, and :math:`\sigma^2`, ``[batch]``; float64.
    """
    arrived = (~erased).to(torch.float64)
    seen = arrived[:, :, None] * _waves(grid, reports.shape[1])
    values, vectors = torch.linalg.eigh((seen * shares[:, None]) @ seen.mH)
    values = values.clamp(min=0)[:, :, None]
    # Directions of lost reports count for nothing.
    counted = (squared_modulus(vectors) * arrived[:, :, None]).sum(1)[:, :, None]
    energy = squared_modulus(vectors.mH @ reports)
    mean = energy.sum(1) / arrived.sum(1, keepdim=True).clamp(min=1)
    level = mean.mean(1)
    floor = _EXACT * torch.where(level > 0, level, 1.0)
    error = torch.maximum(error, floor)
    powers = (mean - error[:, None]).clamp(min=0) + 1e-3 * error[:, None]
    for _ in range(_ITERATIONS):
        inverse = 1 / (powers[:, None] * values + error[:, None, None])
        weighted = energy * inverse.square()
        powers = powers * _step((values * weighted).sum(1), (counted * values * inverse).sum(1))
        error = error * _step(weighted.sum((1, 2)), (counted * inverse).sum((1, 2)))
        error = torch.maximum(error, floor)
    return powers, error


def at_time(
    reports: Tensor,
    arrived: Tensor,
    grid: Tensor,
    shares: Tensor,
    powers: Tensor,
    error: Tensor,
    own: float,
    time: float,
) -> Tensor:
    r"""Conditional mean of the entries of one UE at a time, given its reports.

    Spectra are drawn towards what an entry's own reports say by the expectation of :math:`|z_g|^2` given these, one
    step of expectation and maximisation,

    .. math:: |p_g v_g^H \Sigma^{-1} y|^2 + p_g - p_g^2 v_g^H \Sigma^{-1} v_g .

    Before that step the covariances of all entries, :math:`\alpha_e R + \sigma^2 I`, have the same eigenvectors.

    Args:
        reports: ``[n_reports, n_entries]``, complex128.
        arrived: which of them did, ``[n_reports]``, float64.
        grid: ``[n_frequencies]``.
        shares: spectrum that the entries share, ``[n_frequencies]``, float64.
        powers: of every entry, ``[n_entries]``, float64.
        error: variance of a report's error, a scalar.
        own: weight of an entry's own spectrum, 0 to 1.
        time: when, in periods from the oldest report.

    Returns:
        ``[n_entries]``, complex128.
    """
    n, waves = len(reports), _waves(grid, len(reports))
    observed, seen = reports.T, arrived[:, None] * waves
    spectrum = powers[:, None] * shares
    if own > 0:
        values, vectors = torch.linalg.eigh((seen * shares) @ seen.mH)
        inverse = 1 / (powers[:, None] * values.clamp(min=0) + error)
        across = vectors.mH @ seen
        amplitude = (observed @ vectors.conj() * inverse) @ across.conj()
        form = inverse @ squared_modulus(across)
        mean = spectrum.square() * (squared_modulus(amplitude) - form) + spectrum
        spectrum = (1 - own) * spectrum + own * mean.clamp(min=0)
    of_lag = spectrum.to(torch.complex128) @ waves.T
    both_signs = torch.cat([of_lag[:, 1:].flip(1).conj(), of_lag], dim=1)
    steps = torch.arange(n, device=grid.device)
    covariance = both_signs[:, steps[:, None] - steps + n - 1] * torch.outer(arrived, arrived)
    covariance.diagonal(dim1=1, dim2=2).add_(error)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    weights = torch.cholesky_solve(observed[..., None], factor)[..., 0]
    # Reports without errors may leave a covariance that rounding makes indefinite.
    indefinite = failed > 0
    if indefinite.any():
        weights[indefinite] = torch.linalg.solve(covariance[indefinite], observed[indefinite])
    turned = torch.polar(torch.ones_like(grid), 2 * math.pi * grid * time)[:, None] * waves.conj().T
    cross = spectrum.to(torch.complex128) @ (turned * arrived)
    return (cross * weights).sum(1)


def _step(wanted: Tensor, found: Tensor) -> Tensor:
    """Factor of the ascent; rounding may leave a negative number where there is nothing."""
    return (wanted.clamp(min=0) / found.clamp(min=torch.finfo(torch.float64).tiny)).sqrt()


def _waves(grid: Tensor, n_reports: int) -> Tensor:
    """``V``, ``[n_reports, n_frequencies]``, complex128."""
    turns = torch.outer(torch.arange(n_reports, dtype=torch.float64, device=grid.device), grid)
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)
