r"""Doppler spectra of channel entries, learnt from noisy reports, and what they say of the channel at another time.

An entry is a sum of oscillators, :math:`x_t = \sum_g z_g e^{2 \pi j f_g t}` with independent circular Gaussian
amplitudes of variance :math:`p_g`, and a report is :math:`y_t = x_t + v_t` with white error of variance
:math:`\sigma^2`. So the covariance of the reports is

.. math:: \Sigma = V \mathrm{diag}(p) V^H + \sigma^2 I, \qquad V_{tg} = e^{2 \pi j f_g t},

positive definite whatever the spectrum, with the variance of the error at lag 0 only.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from feedback.predictors.linear_prediction import squared_modulus
from feedback.predictors.toeplitz import solve_without_rows

_ITERATIONS = 50
# Frequencies over the Nyquist band, and these times the number of reports at least.
_MIN_FREQUENCIES = 64
_FREQUENCIES_A_REPORT = 4
# Next to frequency 0 they lie closer, because channels may move little from report to report: 1.5^k times this.
_MIN_FREQUENCY = 5e-4
_FREQUENCY_RATIO = 1.5
# Least error of a report that the covariance is inverted with, relative to the power; reports are float32.
_EXACT = 1e-10
# Levinson's recursion loses the digits that the condition of a matrix costs, and the error of a report bounds it.
_WELL_CONDITIONED = 1e6
# Numbers that steps are made on at once, so that they stay in a core's cache.
_CACHED = 1 << 15


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
    n_reports = reports.shape[1]
    waves = _waves(grid, n_reports)
    identity = torch.eye(n_reports, dtype=torch.complex128, device=reports.device)
    mask = arrived[:, :, None] * arrived[:, None]
    seen = arrived[:, :, None] * waves
    spectrum = torch.full((len(reports), len(grid)), 1 / len(grid), dtype=torch.float64, device=reports.device)
    error = torch.full_like(power, 0.1)
    for _ in range(_ITERATIONS):
        inverse = torch.linalg.inv(_toeplitz(_correlation(spectrum, waves)) * mask + error[:, None, None] * identity)
        weighted = inverse @ covariance @ inverse
        wanted, found = ((seen.conj() * (matrix @ seen)).real.sum(1) for matrix in (weighted, inverse))
        spectrum = spectrum * _step(wanted, found)
        wanted, found = ((arrived * matrix.diagonal(dim1=-2, dim2=-1).real).sum(1) for matrix in (weighted, inverse))
        error = (error * _step(wanted, found)).clamp(min=_EXACT)
    total = spectrum.sum(1, keepdim=True)
    shares = torch.where(total > 0, spectrum / total.clamp(min=_EXACT), 1 / len(grid))
    return shares, error * power


@dataclass(frozen=True)
class CommonCovariance:
    """Eigenvectors of the covariance that reports have under the common spectrum at power 1, without their error.

    Attributes:
        values: eigenvalues, ``[batch, n_reports]``, float64, 0 or more.
        vectors: ``[batch, n_reports, n_reports]``, complex128; those of lost reports have eigenvalue 0.
    """

    values: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, shares: Tensor, arrived: Tensor, grid: Tensor) -> Self:
        """That of shares ``[batch, n_frequencies]`` of the power; ``arrived`` as for ``powers_and_error``."""
        covariance = _toeplitz(_correlation(shares, _waves(grid, arrived.shape[1])))
        values, vectors = torch.linalg.eigh(covariance * (arrived[:, :, None] * arrived[:, None]))
        return cls(values.clamp(min=0), vectors)


def powers_and_error(
    reports: Tensor, arrived: Tensor, common: CommonCovariance, error: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Power of every entry, and the variance of the error of all of them, of greatest likelihood for a spectrum.

    In the eigenvectors of the spectrum's covariance, of eigenvalues :math:`\lambda_i`, an entry's reports are
    independent, of variance :math:`\alpha_e \lambda_i + \sigma^2`; the ascent is that of ``common_spectrum``. Entries
    that hold nothing but error say most of :math:`\sigma^2`.

    Args:
        reports: as for ``common_spectrum``.
        arrived: which of them did, ``[batch, n_reports]``, float64.
        common: the spectrum's.
        error: variance of a report's error to start from, ``[batch]``.

    Returns:
        :math:`\alpha`, ``[batch, n_entries]``, and :math:`\sigma^2`, ``[batch]``; float64.
    """
    _, n_reports, n_entries = reports.shape
    size = max(1, _CACHED // (n_reports * n_entries))
    parts = [
        _powers_and_error(*part)
        for part in zip(
            *(tensor.split(size) for tensor in (reports, arrived, common.values, common.vectors, error)), strict=True
        )
    ]
    powers, errors = zip(*parts, strict=True)
    return torch.cat(powers), torch.cat(errors)


def _powers_and_error(
    reports: Tensor, arrived: Tensor, values: Tensor, vectors: Tensor, error: Tensor
) -> tuple[Tensor, Tensor]:
    # Directions of lost reports count for nothing.
    counted = (squared_modulus(vectors) * arrived[:, :, None]).sum(1)
    energy = squared_modulus(vectors.mH @ reports)
    mean = energy.sum(1) / arrived.sum(1, keepdim=True).clamp(min=1)
    level = mean.mean(1)
    floor = _EXACT * torch.where(level > 0, level, 1.0)
    error = torch.maximum(error, floor)
    powers = (mean - error[:, None]).clamp(min=0) + 1e-3 * error[:, None]
    # Sums over the directions as products: those of the powers' step and those of the error's.
    of_wanted = torch.stack([values, torch.ones_like(values)], dim=1)
    of_found = torch.stack([counted * values, counted], dim=1)
    variance = torch.empty_like(energy)
    for _ in range(_ITERATIONS):
        torch.baddbmm(error[:, None, None], values[:, :, None], powers[:, None], out=variance)
        inverse = variance.reciprocal_()
        found = of_found @ inverse
        wanted = of_wanted @ inverse.square_().mul_(energy)
        powers = powers * _step(wanted[:, 0], found[:, 0])
        error = torch.maximum(error * _step(wanted[:, 1].sum(1), found[:, 1].sum(1)), floor)
    return powers, error


def at_time(
    reports: Tensor,
    arrived: Tensor,
    grid: Tensor,
    shares: Tensor,
    powers: Tensor,
    common: CommonCovariance,
    error: Tensor,
    own: float,
    time: float,
) -> Tensor:
    r"""Conditional mean of the entries of one UE at a time, given its reports.

    Spectra are drawn towards what an entry's own reports say by the expectation of :math:`|z_g|^2` given these, one
    step of expectation and maximisation from the common spectrum at the entry's power,

    .. math:: |p_g v_g^H \Sigma^{-1} y|^2 + p_g - p_g^2 v_g^H \Sigma^{-1} v_g, \qquad
              \Sigma^{-1} = U \mathrm{diag}(\alpha \lambda_i + \sigma^2)^{-1} U^H .

    Args:
        reports: ``[n_reports, n_entries]``, complex128, 0 where one was lost.
        arrived: which of them did, ``[n_reports]``, float64.
        grid: ``[n_frequencies]``.
        shares: the common spectrum, ``[n_frequencies]``, float64.
        powers: of every entry, ``[n_entries]``, float64.
        common: the spectrum's, of this UE, without the batch's axis.
        error: variance of a report's error, a scalar.
        own: weight of an entry's own spectrum, 0 to 1.
        time: when, in periods from the oldest report.

    Returns:
        ``[n_entries]``, complex128.
    """
    waves = _waves(grid, len(reports))
    spectrum = shares[:, None] * powers
    if own > 0:
        directions = (arrived[:, None] * waves).mH @ common.vectors
        inverse = 1 / (common.values[:, None] * powers + error)
        amplitude = directions @ (inverse * (common.vectors.mH @ reports))
        form = squared_modulus(directions) @ inverse
        mean = spectrum.square() * (squared_modulus(amplitude) - form) + spectrum
        spectrum = (1 - own) * spectrum + own * mean.clamp(min=0)
    correlation = _correlation(spectrum.T, waves).T
    correlation[0] += error
    weights = _solve(correlation, reports, arrived, correlation[0].real < _WELL_CONDITIONED * error)
    # Of the channel then with a report: that of the lag between them.
    turned = torch.polar(torch.ones_like(grid), 2 * math.pi * grid * time) * waves.conj()
    return (_correlation(spectrum.T, turned).T * weights).sum(0)


def _solve(correlation: Tensor, reports: Tensor, arrived: Tensor, quickly: Tensor) -> Tensor:
    """Weights of reports that arrived, as ``reports``, for covariances of lags 0, 1, ...; of some entries quickly."""
    weights = torch.empty_like(reports)
    weights[:, quickly] = solve_without_rows(correlation[:, quickly], reports[:, quickly], arrived == 0)
    if bool(quickly.all()):
        return weights
    # Lost reports, which are 0, get weights of 0 from a row of the identity.
    covariance = _toeplitz(correlation[:, ~quickly].T) * torch.outer(arrived, arrived) + torch.diag(1 - arrived)
    observed = reports[:, ~quickly].T
    factor, failed = torch.linalg.cholesky_ex(covariance)
    slowly = torch.cholesky_solve(observed[..., None], factor)[..., 0]
    # Reports without errors may leave a covariance that rounding makes indefinite.
    indefinite = failed > 0
    if indefinite.any():
        slowly[indefinite] = torch.linalg.solve(covariance[indefinite], observed[indefinite])
    weights[:, ~quickly] = slowly.T
    return weights


def _correlation(spectrum: Tensor, waves: Tensor) -> Tensor:
    """Covariance of lags 0, 1, ... for spectra ``[..., n_frequencies]``: ``[..., n_lags]``, complex128."""
    parts = torch.view_as_real(waves.T.contiguous()).flatten(1)
    return torch.view_as_complex((spectrum @ parts).unflatten(-1, (-1, 2)))


def _toeplitz(first_column: Tensor) -> Tensor:
    """Hermitian Toeplitz matrices ``[batch, n, n]`` of their first columns ``[batch, n]``."""
    steps = torch.arange(first_column.shape[1], device=first_column.device)
    lags = steps[:, None] - steps
    of_lag = first_column[:, lags.abs()]
    return torch.where(lags >= 0, of_lag, of_lag.conj())


def _step(wanted: Tensor, found: Tensor) -> Tensor:
    """Factor of the ascent; rounding may leave a negative number where there is nothing."""
    return (wanted.clamp(min=0) / found.clamp(min=torch.finfo(torch.float64).tiny)).sqrt()


def _waves(grid: Tensor, n_reports: int) -> Tensor:
    """``V``, ``[n_reports, n_frequencies]``, complex128."""
    turns = torch.outer(torch.arange(n_reports, dtype=torch.float64, device=grid.device), grid)
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns)
