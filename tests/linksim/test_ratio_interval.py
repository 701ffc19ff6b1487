"""Intervals of ratios in decibels against their definition, Fieller's closed form, and intervals of means."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from linksim.statistics.accumulator import interval
from linksim.statistics.ratio_interval import interval_of_independent_ratio, interval_of_paired_ratio
from linksim.statistics.skewed_interval import Spread, interval_of_difference, interval_of_mean

Array = NDArray[np.float64]


def relative(values: Array) -> Array:
    return values / values.mean()


def skewed(n: int, seed: int) -> tuple[Array, Array]:
    """Long-tailed values with most of their spread in common."""
    generator = np.random.default_rng(seed)
    common = generator.lognormal(0.0, 1.0, n)
    return relative(common * generator.uniform(0.5, 1.5, n)), relative(common * generator.uniform(0.8, 1.2, n))


def test_at_an_end_the_interval_of_the_difference_ends_at_zero() -> None:
    a, b = skewed(300, 1)
    for side, decibels in enumerate(interval_of_paired_ratio(a, b)):
        ratio = 10 ** (decibels / 10)
        assert (decibels > 0) == bool(side)
        assert 1 - ratio + interval_of_mean(Spread.of(a - ratio * b))[side] == pytest.approx(0, abs=1e-9)
    for side, decibels in enumerate(interval_of_independent_ratio(a, b[:200] / b[:200].mean())):
        ratio = 10 ** (decibels / 10)
        other = Spread.of(ratio * b[:200] / b[:200].mean())
        assert 1 - ratio + interval_of_difference(Spread.of(a), other)[side] == pytest.approx(0, abs=1e-9)


def test_without_skewness_it_is_fiellers() -> None:
    r"""Roots of :math:`(1 - \rho)^2 = t^2 (v_{aa} - 2 \rho v_{ab} + \rho^2 v_{bb})`."""
    n = 4000
    half = np.random.default_rng(3).uniform(-0.5, 0.5, (2, n // 2))
    a = 1 + np.concatenate([half[0], -half[0]])
    b = 1 + 0.5 * np.concatenate([half[0] + half[1], -half[0] - half[1]])
    (v_aa, v_ab), (_, v_bb) = np.cov(a, b) / n
    t = stats.t.ppf(0.975, n - 1)
    roots = np.sort(np.roots([1 - t**2 * v_bb, -2 + 2 * t**2 * v_ab, 1 - t**2 * v_aa]))
    # The tail's one value more is a share of 3/n of a sample, as far as its farthest.
    assert interval_of_paired_ratio(a, b) == pytest.approx(10 * np.log10(roots), rel=3 * 3 / n)


def test_over_a_mean_that_is_known_it_is_the_interval_of_the_other() -> None:
    a = skewed(200, 4)[0]
    known = interval(1.0, Spread.of(a), decibel=True)
    for found in (interval_of_independent_ratio(a, np.ones(50)), interval_of_paired_ratio(a, np.ones(200))):
        assert found == pytest.approx((known.low, known.high), rel=1e-9)


def test_ends_stay_finite_where_a_mean_may_be_next_to_nothing() -> None:
    """One of four samples holds nearly everything: every ratio is compatible with such values."""
    a = relative(np.array([1e-6, 2e-6, 1.0, 3e-6]))
    b = relative(np.array([1.0, 2e-6, 1e-6, 3e-6]))
    for low, high in (interval_of_paired_ratio(a, b), interval_of_independent_ratio(a, b)):
        assert -math.inf < low < -3
        assert 3 < high < math.inf
        assert low == pytest.approx(-high, rel=1e-6)


def test_what_is_the_same_differs_by_nothing() -> None:
    a = skewed(50, 5)[0]
    assert interval_of_paired_ratio(a, a) == (0, 0)
    assert interval_of_independent_ratio(np.ones(4), np.ones(3)) == (0, 0)


@given(arrays(np.float64, 9, elements=st.floats(-1e3, 1e3)), st.floats(1e-3, 1e3))
def test_a_scaled_spread_is_that_of_scaled_values(values: Array, factor: float) -> None:
    scaled, known = Spread.of(values).scaled(factor), Spread.of(factor * values)
    size = factor * float(np.abs(values).max())
    assert scaled.n == known.n
    for power, name in enumerate(("lowest", "variance", "third"), start=1):
        # Products of values near the smallest float64 that has all its digits have fewer.
        least = max(1e-12 * size**power, 1e-300)
        assert getattr(scaled, name) == pytest.approx(getattr(known, name), rel=1e-9, abs=least)
    assert scaled.highest == pytest.approx(known.highest, rel=1e-9, abs=max(1e-12 * size, 1e-300))
