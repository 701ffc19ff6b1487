"""Differences of estimates against textbook intervals and against resampling."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from linksim.errors import InputError
from linksim.paired_difference import (
    filled_accumulator,
    paired_difference,
    sample_estimate,
    unpaired_difference,
)

Array = NDArray[np.float64]


def correlated(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Positive values that have most of their spread in common."""
    generator = np.random.default_rng(seed)
    common = generator.gamma(2.0, size=n)
    return common * generator.uniform(0.8, 1.0, n), common * generator.uniform(0.9, 1.2, n)


def test_means_have_students_paired_interval() -> None:
    a, b = correlated(200)
    found = paired_difference(sample_estimate("rho", a[None]), sample_estimate("rho", b[None]))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    # Rounding of sums of 200 float64 numbers.
    assert (found.low, found.high) == (pytest.approx(expected.low, rel=1e-11), pytest.approx(expected.high, rel=1e-11))
    assert found.value == pytest.approx(np.mean(a - b), rel=1e-11)
    assert found.paired
    assert found.n == 200


def test_independent_means_have_welchs_interval() -> None:
    a, b = correlated(150)[0], correlated(90, seed=1)[1]
    found = unpaired_difference(sample_estimate("rho", a[None]), sample_estimate("rho", b[None]))
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(expected.low, rel=1e-11), pytest.approx(expected.high, rel=1e-11))
    assert not found.paired


@pytest.mark.parametrize("metric", ["nmse_db", "nmse_ratio_db", "rate_ratio"])
def test_delta_method_agrees_with_the_jackknife(metric: str) -> None:
    a, b = correlated(400)
    weight = np.random.default_rng(5).uniform(0.5, 1.5, 400)
    stacked = [np.stack([x, weight]) if "ratio" in metric else x[None] for x in (a, b)]

    def difference(kept: slice | Array) -> float:
        levels = []
        for values in stacked:
            mean = values[0][kept].mean() / (values[1][kept].mean() if len(values) == 2 else 1.0)
            levels.append(10 * math.log10(mean) if metric.endswith("_db") else mean)
        return levels[0] - levels[1]

    found = paired_difference(*(sample_estimate(metric, values) for values in stacked))
    everything = np.arange(400)
    left_out = np.array([difference(np.delete(everything, i)) for i in range(400)])
    jackknife = math.sqrt(399 / 400 * np.square(left_out - left_out.mean()).sum())
    assert found.high is not None
    assert found.value == pytest.approx(difference(slice(None)), rel=1e-11)
    # Both are first-order in 1/n: they differ by a share of about 1/n = 0.25 %, four times that allowed.
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 399) * jackknife, rel=0.01)


def test_pairing_removes_what_is_common() -> None:
    a, b = (sample_estimate("nmse_db", x[None]) for x in correlated(500))
    paired, unpaired = paired_difference(a, b), unpaired_difference(a, b)
    assert paired.high is not None
    assert unpaired.high is not None
    # Variance of the logarithms: 1/2 shared (gamma of shape 2) against 0.004 + 0.007 of the uniform factors.
    assert paired.high - paired.value < 0.3 * (unpaired.high - unpaired.value)


def test_value_has_the_digits_of_the_accumulators() -> None:
    a, b = correlated(123)
    values = [filled_accumulator("nmse_db", x[None]).estimate() for x in (a, b)]
    found = paired_difference(*(sample_estimate("nmse_db", x[None]) for x in (a, b)))
    assert values[0] is not None
    assert values[1] is not None
    assert found.value == values[0].value - values[1].value


def test_groups_are_what_the_legacy_metric_averages() -> None:
    a, b = correlated(1000)
    found = paired_difference(*(sample_estimate("nmse_db_batchmean", x[None]) for x in (a, b)))
    levels = [10 * np.log10(x.reshape(5, 200).mean(1)) for x in (a, b)]
    expected = stats.ttest_rel(*levels).confidence_interval(0.95)
    assert (found.low, found.n) == (pytest.approx(expected.low, rel=1e-9), 5)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (2, 12), elements=st.floats(1e-3, 1e3)))
def test_difference_is_antisymmetric(values: Array) -> None:
    a, b = (sample_estimate("nmse_db", row[None]) for row in values)
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert there.value == -back.value
    assert there.low == pytest.approx(-(back.high or 0.0), abs=1e-9)


def test_what_has_no_interval() -> None:
    nothing, something = sample_estimate("nmse_db", np.zeros((1, 5))), sample_estimate("nmse_db", np.ones((1, 5)))
    assert paired_difference(nothing, something).value == -math.inf
    assert paired_difference(nothing, something).low is None
    single = sample_estimate("rho", np.ones((1, 1)))
    assert paired_difference(single, single).low is None
    assert unpaired_difference(single, single).low is None
    same = sample_estimate("rho", np.ones((1, 4)))
    assert unpaired_difference(same, same).low == 0
    with pytest.raises(ValueError, match="got 5 and 4 samples"):
        paired_difference(something, same)
    with pytest.raises(InputError, match="metric: got 'speed', expected one of bits"):
        sample_estimate("speed", np.ones((1, 3)))
    with pytest.raises(InputError, match="metric rho: got no sample"):
        sample_estimate("rho", np.ones((1, 0)))
