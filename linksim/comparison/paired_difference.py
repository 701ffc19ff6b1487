"""Differences of two estimates with 95 % intervals: paired over shared samples, or of independent ones."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.statistics.accumulator import DB_PER_NEPER, Accumulator
from linksim.statistics.accumulators import (
    GroupedDecibelAccumulator,
    MeanAccumulator,
    PresentMeanAccumulator,
    ProportionAccumulator,
    RatioAccumulator,
)
from linksim.statistics.ratio_interval import interval_of_independent_ratio, interval_of_paired_ratio
from linksim.statistics.skewed_interval import (
    Spread,
    interval_of_difference,
    interval_of_mean,
    largest_unseen_share,
)


@dataclass(frozen=True)
class SampleEstimate:
    r"""An estimate and how each sample pulls at it.

    Attributes:
        value: the estimate, in the metric's unit; minus infinity where 0 is expressed in dB.
        influence: influence function at each sample (or group of samples), mean 0, ``[n]``: to first order their mean
            is the estimate's error. Empty where the estimate is infinite.
        decibel: whether the estimate is 10 log10 of a mean, or of a ratio of means.
        share: whether it is the share of samples of value 1 among those of value 0 or 1.
    """

    value: float
    influence: NDArray[np.float64]
    decibel: bool
    share: bool = False

    @property
    def relative(self) -> NDArray[np.float64]:
        """Of an estimate in dB: what is averaged, over the average, mean 1, ``[n]``; to first order, of a ratio."""
        return 1 + self.influence / DB_PER_NEPER


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


def sample_estimate(
    metric: str, values: NDArray[np.float64], indices: NDArray[np.int64] | None = None
) -> SampleEstimate:
    r"""The estimate that a metric makes of per-sample values, with the digits of its accumulator.

    The influence is :math:`x_i - \bar x` for a mean, :math:`(a_i - r b_i) / \bar b` for a ratio of means
    :math:`r = \bar a / \bar b`, and :math:`10 / \ln 10` times either over the estimate where that is in dB; for the
    legacy mean over groups in dB, that of a mean over the groups.

    Args:
        metric: a metric's name.
        values: per-sample values ``[1, n]``, numerators and denominators ``[2, n]``, or values and which samples have
            one, the only ones that count.
        indices: of the samples in their stream, ``[n]``, which groups go by; by default nothing was left out of it.

    Raises:
        InputError: if the metric is unknown, there is no sample, or a value is NaN or infinite.
    """
    accumulator = filled_accumulator(metric, values, indices)
    estimate = accumulator.estimate()
    if estimate is None:
        raise InputError(f"metric {metric}: got no sample, expected at least 1")
    if math.isinf(estimate.value):
        return SampleEstimate(estimate.value, np.empty(0), accumulator.decibel)
    if isinstance(accumulator, GroupedDecibelAccumulator):
        levels = np.array([accumulator.groups[i].estimate().value for i in sorted(accumulator.groups)])  # type: ignore[union-attr]
        return SampleEstimate(estimate.value, levels - estimate.value, decibel=False)
    linear = 10 ** (estimate.value / 10) if accumulator.decibel else estimate.value
    if isinstance(accumulator, PresentMeanAccumulator):
        values = values[:1, values[1] > 0]
    influence = values[0] - linear if len(values) == 1 else (values[0] - linear * values[1]) / values[1].mean()
    if accumulator.decibel:
        influence *= DB_PER_NEPER / linear
    is_share = isinstance(accumulator, ProportionAccumulator)
    return SampleEstimate(estimate.value, influence, accumulator.decibel, is_share)


def in_both(
    metric: str, mine: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per-sample values of a metric that not every sample has, of the samples that have it on both sides.

    Args:
        metric: a metric's name; of others all values come back.
        mine: values and which samples have one, ``[2, n]``.
        theirs: likewise, of the same samples.
    """
    if not counts_some(metric):
        return mine, theirs
    both = (mine[1] > 0) & (theirs[1] > 0)
    return mine[:, both], theirs[:, both]


def counts_some(metric: str) -> bool:
    """Whether a metric is of those samples alone that have a value."""
    return isinstance(METRICS.get_class(metric)().accumulator(), PresentMeanAccumulator)


def has_sample_values(metric: str) -> bool:
    """Whether a metric averages per-sample values, which a maximum and a count do not."""
    accumulator = METRICS.get_class(metric)().accumulator()
    return isinstance(accumulator, MeanAccumulator | RatioAccumulator | GroupedDecibelAccumulator)


def has_values(metric: str, values: NDArray[np.float64]) -> bool:
    """Whether any of these samples has a value: perhaps no report has the layer that a metric is of."""
    if not values.shape[1]:
        return not counts_some(metric)
    return filled_accumulator(metric, values).estimate() is not None


def filled_accumulator(
    metric: str, values: NDArray[np.float64], indices: NDArray[np.int64] | None = None
) -> Accumulator:
    """A metric's accumulator that has seen per-sample values.

    Args:
        metric: a metric's name.
        values: per-sample values ``[1, n]``, numerators and denominators ``[2, n]``, or values and which samples
            have one.
        indices: as for ``sample_estimate``.

    Raises:
        InputError: if there is no such metric, or a value is NaN or infinite.
    """
    if metric not in METRICS:
        raise InputError(f"metric: got {metric!r}, expected one of {', '.join(sorted(map(str, METRICS.keys())))}")
    accumulator: Any = METRICS.get_class(metric)().accumulator()
    match accumulator:
        case PresentMeanAccumulator():
            accumulator.update(values[0], values[1])
        case MeanAccumulator():
            accumulator.update(values[0])
        case RatioAccumulator():
            accumulator.update(values[0], values[1])
        case GroupedDecibelAccumulator():
            accumulator.update(values[0], 0 if indices is None else indices)
        case _:
            raise InputError(f"metric {metric}: got {accumulator.kind} values, expected means or ratios of means")
    filled: Accumulator = accumulator
    return filled


def paired_difference(a: SampleEstimate, b: SampleEstimate) -> Difference:
    r"""``a - b`` over the same samples: what both have in common drops out of the interval.

    The interval is that of the mean of :math:`\psi_{a,i} - \psi_{b,i}` (``linksim.statistics.skewed_interval``); in dB
    that of a ratio (``linksim.statistics.ratio_interval``). Shares that are the same in every sample may differ in as
    many as can have escaped notice.

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
    if a.share and np.array_equal(a.influence, b.influence):
        low, high = -largest_unseen_share(n), largest_unseen_share(n)
    elif a.decibel:
        low, high = interval_of_paired_ratio(a.relative, b.relative)
    else:
        low, high = interval_of_mean(Spread.of(a.influence - b.influence))
    return Difference(value, value + low, value + high, n, paired=True)


def unpaired_difference(a: SampleEstimate, b: SampleEstimate) -> Difference:
    r"""``a - b`` over independent samples, with Welch's degrees of freedom (``linksim.statistics.skewed_interval``).

    In dB the interval is that of a ratio (``linksim.statistics.ratio_interval``).
    """
    value, sizes = a.value - b.value, (len(a.influence), len(b.influence))
    if min(sizes) < 2:
        return Difference(value, None, None, min(sizes), paired=False)
    if a.share and not (a.influence.any() or b.influence.any()):
        low, high = -largest_unseen_share(sizes[1]), largest_unseen_share(sizes[0])
    elif a.decibel:
        low, high = interval_of_independent_ratio(a.relative, b.relative)
    else:
        low, high = interval_of_difference(Spread.of(a.influence), Spread.of(b.influence))
    return Difference(value, value + low, value + high, min(sizes), paired=False)
