"""Differences of two estimates with 95 % intervals: paired over shared samples, or of independent ones."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from linksim.accumulator import CONFIDENCE, Accumulator
from linksim.accumulators import GroupedDecibelAccumulator, MeanAccumulator, RatioAccumulator
from linksim.errors import InputError
from linksim.metrics import METRICS

_DB_PER_NEPER = 10 / math.log(10)


@dataclass(frozen=True)
class SampleEstimate:
    r"""An estimate and how each sample pulls at it.

    Attributes:
        value: the estimate, in the metric's unit; minus infinity where 0 is expressed in dB.
        influence: influence function at each sample (or group of samples), mean 0, ``[n]``; the variance of the
            estimate is :math:`\sum_i \psi_i^2 / (n (n - 1))`. Empty where the estimate is infinite.
    """

    value: float
    influence: NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A difference of two estimates with its 95 % confidence interval.

    Attributes:
        value: the difference; infinite where one of the two is.
        low: lower end of the interval, ``None`` where there is none (a single sample, or an infinite estimate).
        high: upper end of the interval, ``None`` where there is none.
        n: independent values behind each of the two, the smaller number where they differ.
        paired: whether both saw the same samples.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    paired: bool


def sample_estimate(metric: str, values: NDArray[np.float64]) -> SampleEstimate:
    r"""The estimate that a metric makes of per-sample values, with the digits of its accumulator.

    The influence is :math:`x_i - \bar x` for a mean, :math:`(a_i - r b_i) / \bar b` for a ratio of means
    :math:`r = \bar a / \bar b`, and :math:`10 / \ln 10` times either over the estimate where that is in dB (delta
    method); for the legacy mean over groups in dB, that of a mean over the groups.

    Args:
        metric: a metric's name.
        values: per-sample values ``[1, n]``, or numerators and denominators ``[2, n]``.

    Raises:
        InputError: if the metric is unknown, there is no sample, or a value is NaN or infinite.
    """
    accumulator = filled_accumulator(metric, values)
    estimate = accumulator.estimate()
    if estimate is None:
        raise InputError(f"metric {metric}: got no sample, expected at least 1")
    if math.isinf(estimate.value):
        return SampleEstimate(estimate.value, np.empty(0))
    if isinstance(accumulator, GroupedDecibelAccumulator):
        levels = np.array([accumulator.groups[i].estimate().value for i in sorted(accumulator.groups)])  # type: ignore[union-attr]
        return SampleEstimate(estimate.value, levels - estimate.value)
    linear = 10 ** (estimate.value / 10) if accumulator.decibel else estimate.value
    influence = values[0] - linear if len(values) == 1 else (values[0] - linear * values[1]) / values[1].mean()
    return SampleEstimate(estimate.value, influence * (_DB_PER_NEPER / linear) if accumulator.decibel else influence)


def filled_accumulator(metric: str, values: NDArray[np.float64]) -> Accumulator:
    """A metric's accumulator that has seen per-sample values.

    Args:
        metric: a metric's name.
        values: per-sample values ``[1, n]``, or numerators and denominators ``[2, n]``.

    Raises:
        InputError: if there is no such metric, or a value is NaN or infinite.
    """
    if metric not in METRICS:
        raise InputError(f"metric: got {metric!r}, expected one of {', '.join(sorted(map(str, METRICS.keys())))}")
    accumulator: Any = METRICS.get_class(metric)().accumulator()
    match accumulator:
        case MeanAccumulator():
            accumulator.update(values[0])
        case RatioAccumulator():
            accumulator.update(values[0], values[1])
        case GroupedDecibelAccumulator():
            accumulator.update(values[0], 0)
        case _:
            raise InputError(f"metric {metric}: got {accumulator.kind} values, expected means or ratios of means")
    filled: Accumulator = accumulator
    return filled


def paired_difference(a: SampleEstimate, b: SampleEstimate) -> Difference:
    r"""``a - b`` over the same samples: what both have in common drops out of the interval.

    .. math:: \hat\theta_a - \hat\theta_b \pm t_{n-1} \sqrt{\sum_i (\psi_{a,i} - \psi_{b,i})^2 / (n (n - 1))}

    For means it is Student's paired t interval.

    Raises:
        ValueError: if the two have seen different numbers of samples.
    """
    value, n = a.value - b.value, len(a.influence)
    if not (len(a.influence) and len(b.influence)):
        return Difference(value, None, None, max(n, len(b.influence)), paired=True)
    if n != len(b.influence):
        raise ValueError(f"got {n} and {len(b.influence)} samples, expected the same")
    if n == 1:
        return Difference(value, None, None, n, paired=True)
    error = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * math.sqrt(_variance(a.influence - b.influence))
    return Difference(value, value - error, value + error, n, paired=True)


def unpaired_difference(a: SampleEstimate, b: SampleEstimate) -> Difference:
    r"""``a - b`` over independent samples: Welch's interval.

    .. math:: \hat\theta_a - \hat\theta_b \pm t_\nu \sqrt{v_a + v_b}, \quad
              \nu = \frac{(v_a + v_b)^2}{v_a^2 / (n_a - 1) + v_b^2 / (n_b - 1)}
    """
    value, sizes = a.value - b.value, (len(a.influence), len(b.influence))
    if min(sizes) < 2:
        return Difference(value, None, None, min(sizes), paired=False)
    variances = _variance(a.influence), _variance(b.influence)
    total = sum(variances)
    if total == 0:
        return Difference(value, value, value, min(sizes), paired=False)
    freedom = total**2 / sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    error = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * math.sqrt(total)
    return Difference(value, value - error, value + error, min(sizes), paired=False)


def _variance(influence: NDArray[np.float64]) -> float:
    """Variance of the estimate."""
    n = len(influence)
    return float(np.square(influence).sum()) / (n * (n - 1))
