r"""Confidence intervals of means whose values are skewed or have a long tail.

Student's interval takes the mean for Gaussian. Where most of a mean comes from few large values it is too short on the
side of the long tail, twice: because the mean's distribution is skewed, and because samples without the rare large
values underestimate mean, variance and skewness at once. Against the first the interval inverts Hall's cubic
transformation of the studentised mean (Hall, J. Roy. Statist. Soc. B 54, 221-228, 1992),

.. math:: g(T) = T + \frac{a}{3} T^2 + \frac{a^2}{27} T^3 + \frac{a}{6}, \qquad a = \hat\gamma / \sqrt n,

which is monotone, so that each end has a closed form. Against the second, each end is taken of the values and of one
more, twice as far from the mean as the farthest on that side and weighted by the share that the farthest has in the sum
of squares: next to nothing in light tails, a whole sample where one value is all that is known of the tail. That is our
own; ``tests/validate/test_interval_coverage.py`` measures what it covers. Moments and extremes are all it needs, so
that shards merge exactly.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

_BEYOND_FARTHEST = 2.0


@dataclass(frozen=True)
class Spread:
    """How values lie about their mean.

    Attributes:
        n: values.
        variance: mean of the squared deviations.
        third: mean of the cubed deviations.
        lowest: deviation of the smallest value, 0 where it is not known.
        highest: deviation of the largest value, 0 where it is not known.
    """

    n: int
    variance: float
    third: float
    lowest: float = 0.0
    highest: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Spread":
        """That of values ``[n]``."""
        deviations = values - values.mean()
        squares = np.square(deviations)
        return cls(
            len(values),
            float(squares.mean()),
            float((squares * deviations).mean()),
            float(deviations.min()),
            float(deviations.max()),
        )

    @property
    def variance_of_mean(self) -> float:
        """Estimated variance of the mean."""
        return self.variance / (self.n - 1)

    @property
    def share_of_farthest(self) -> float:
        """Share that the value farthest from the mean has in the sum of squares."""
        farthest = max(self.highest, -self.lowest)
        return farthest**2 / (self.n * self.variance) if self.variance > 0 else 0.0

    def negated(self) -> "Spread":
        """That of the values with the other sign."""
        return Spread(self.n, self.variance, -self.third, -self.highest, -self.lowest)

    def scaled(self, factor: float) -> "Spread":
        """That of the values times a positive factor."""
        return Spread(
            self.n, self.variance * factor**2, self.third * factor**3, self.lowest * factor, self.highest * factor
        )


def interval_of_mean(spread: Spread) -> tuple[float, float]:
    """Ends of the 95 % interval of a mean, as deviations from the estimate: not above and not below 0.

    Args:
        spread: of at least two values.
    """
    quantile = _student(spread.n - 1)
    return -_reach(quantile, spread.negated()), _reach(quantile, spread)


def interval_of_difference(a: Spread, b: Spread) -> tuple[float, float]:
    """Ends of the 95 % interval of the difference of two independent means, as deviations from the estimate.

    Degrees of freedom are Welch's; the skewness is that of the difference of the means.

    Args:
        a: spread of the values of the one, at least two.
        b: spread of the values of the other, at least two.
    """
    variances = a.variance_of_mean, b.variance_of_mean
    total = sum(variances)
    if total == 0:
        return 0.0, 0.0
    freedom = total**2 / sum(v**2 / (n - 1) for v, n in zip(variances, (a.n, b.n), strict=True))
    quantile = _student(freedom)
    return -_reach(quantile, a.negated(), b), _reach(quantile, a, b.negated())


def largest_unseen_share(n: int) -> float:
    """Share of samples of a kind that, not met among ``n``, is excluded with the confidence of an interval's end.

    Upper end of Clopper and Pearson's interval for no event: a larger share would have shown itself with a probability
    of 97.5 %.
    """
    return -math.expm1(math.log((1 - CONFIDENCE) / 2) / n)


def _student(freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))


def _reach(quantile: float, *spreads: Spread) -> float:
    """Deviation of the upper end from the sum of independent means."""
    parts = [_with_one_beyond(spread) for spread in spreads]
    shift = sum(part[0] for part in parts)
    variance = sum(part[1] for part in parts)
    # At the end of float64's range a variance of 0 may be rounded to the number below.
    if variance <= 0:
        return shift
    cubed = variance**1.5
    # Of any values it lies within about 1; only numbers at the end of float64's range can leave that.
    skewness = sum(part[2] for part in parts) / cubed if cubed > 0 else 0.0
    return shift + math.sqrt(variance) * _inverse_of_hall(quantile, min(max(skewness, -2.0), 2.0))


def _with_one_beyond(spread: Spread) -> tuple[float, float, float]:
    """Shift, variance and third cumulant of the mean with one more value beyond the highest."""
    n = spread.n
    total = n * spread.variance
    if total <= 0:
        return 0.0, 0.0, 0.0
    weight = min(spread.highest**2 / total, 1.0)
    beyond = _BEYOND_FARTHEST * spread.highest
    shift = weight * beyond / (n + weight)
    second = (total + weight * beyond**2) / (n + weight)
    third = (n * spread.third + weight * beyond**3) / (n + weight)
    variance = second - shift**2
    return shift, variance / (n - 1), (third - 3 * shift * second + 2 * shift**3) / n**2


def _inverse_of_hall(quantile: float, skewness: float) -> float:
    """Standard errors that the true mean may lie above the estimate: ``-T`` at ``g(T) = -quantile``."""
    if abs(skewness) < 1e-6:
        return quantile
    return float(3 / skewness * (1 - np.cbrt(1 - skewness * (quantile + skewness / 6))))
