"""Differences of estimates against textbook intervals and against resampling."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from linksim.comparison.paired_difference import (
    filled_accumulator,
    has_values,
    in_both,
    paired_difference,
    sample_estimate,
    unpaired_difference,
)
from linksim.errors import InputError
from linksim.statistics.skewed_interval import Spread, interval_of_mean
from linksim.storage.sample_values import SampleValues

Array = NDArray[np.float64]


def correlated(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Positive values that have most of their spread in common."""
    generator = np.random.default_rng(seed)
    common = generator.gamma(2.0, size=n)
    return common * generator.uniform(0.8, 1.0, n), common * generator.uniform(0.9, 1.2, n)


def symmetric(n: int, seed: int = 0) -> Array:
    """Light-tailed values without skewness, in pairs about their mean."""
    half = np.random.default_rng(seed).uniform(0.0, 1.0, n // 2)
    return np.concatenate([2 + half, 2 - half])


def test_symmetric_means_have_students_paired_interval() -> None:
    b = correlated(2000)[1]
    difference = symmetric(2000)
    found = paired_difference(sample_estimate("rho", (b + difference)[None]), sample_estimate("rho", b[None]))
    expected = stats.ttest_rel(b + difference, b).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(difference), rel=1e-11)
    assert found.paired
    assert found.n == 2000
    # One value of 2000 more, of weight 3/2000 and at most twice as far as the farthest: to 3/2000 x 2/2000 of it.
    for end, known in zip((found.low, found.high), expected, strict=True):
        assert end == pytest.approx(known, abs=2 * 3e-6)


def test_independent_symmetric_means_have_welchs_interval() -> None:
    a, b = symmetric(1500), 3 * symmetric(900, seed=1)
    found = unpaired_difference(sample_estimate("rho", a[None]), sample_estimate("rho", b[None]))
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert not found.paired
    # As above, three times as far and of 900 values.
    for end, known in zip((found.low, found.high), expected, strict=True):
        assert end == pytest.approx(known, abs=2 * 3 * 2 * 3 / 900 * 2 / 900)


def test_a_long_tail_lengthens_its_own_side() -> None:
    tail = np.random.default_rng(2).pareto(2.5, 300)
    there = unpaired_difference(sample_estimate("rho", tail[None]), sample_estimate("rho", np.full((1, 300), 0.5)))
    back = unpaired_difference(sample_estimate("rho", np.full((1, 300), 0.5)), sample_estimate("rho", tail[None]))
    assert there.low is not None
    assert there.high is not None
    assert back.low is not None
    assert back.high is not None
    assert there.high - there.value > 1.3 * (there.value - there.low)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), rel=1e-12)


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
    assert found.low is not None
    # Both are first-order in 1/n: they differ by a share of about 1/n = 0.25 %. Skewness of g moves the ends apart by
    # about g t / (3 sqrt n), its square and the tail's value lengthen both by a few percent.
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 399) * jackknife, rel=0.05)


@pytest.mark.parametrize("metric", ["rho", "nmse_db", "nmse_ratio_db", "rate_ratio"])
def test_influence_is_the_derivative_by_the_weight_of_a_sample(metric: str) -> None:
    r"""Of the estimate :math:`T`: :math:`\partial T((1 - \epsilon) F + \epsilon \delta_i) / \partial \epsilon`."""
    top, bottom = correlated(50)
    one_row = metric in ("rho", "nmse_db")
    values = top[None] if one_row else np.stack([top, bottom])

    def estimate(weights: Array) -> float:
        mean = (weights * top).sum() / (weights if one_row else weights * bottom).sum()
        return 10 * math.log10(mean) if metric.endswith("_db") else float(mean)

    found = sample_estimate(metric, values)
    assert found.value == pytest.approx(estimate(np.ones(50)), rel=1e-12)
    step = 1e-6
    for i in range(50):
        ahead, behind = (estimate((1 - sign * step) / 50 + sign * step * (np.arange(50) == i)) for sign in (1, -1))
        # The third derivative of a ratio is about (x / mean)^3 of it, at most 10^3 here: central differences are off
        # by 1e-9 of it, their rounding by 1e-16 / 1e-6.
        assert found.influence[i] == pytest.approx((ahead - behind) / (2 * step), abs=1e-7)


def test_samples_have_a_value_unless_none_of_them_has_one() -> None:
    values = np.full((2, 3), 0.5)
    for present, expected in (([0, 0, 0], False), ([0, 1, 0], True)):
        values[1] = present
        assert has_values("sgcs_layer2", values) == expected
    # Of no samples nothing is missing, unless those that lack it were left out.
    assert has_values("rho", np.empty((1, 0)))
    assert not has_values("sgcs_layer2", np.empty((2, 0)))


def test_some_samples_have_a_value_on_one_side_alone() -> None:
    a, b = correlated(60)
    present = np.arange(60) % 3 > 0, np.arange(60) % 4 > 0
    both = present[0] & present[1]
    found = paired_difference(
        *(
            sample_estimate("sgcs_layer2", values)
            for values in in_both(
                "sgcs_layer2", np.stack([a * present[0], present[0]]), np.stack([b * present[1], present[1]])
            )
        )
    )
    assert found.n == both.sum() == 30
    assert found.value == pytest.approx((a - b)[both].mean())
    low, high = interval_of_mean(Spread.of((a - b)[both] - (a - b)[both].mean()))
    assert (found.low, found.high) == pytest.approx((found.value + low, found.value + high))


def test_cells_are_what_is_independent() -> None:
    """A cell's rate stands at its first user: two cells of 25 users are two values, with Student's 12.7."""
    first = np.zeros(50)
    first[[0, 25]] = 1
    mine, theirs = np.zeros(50), np.zeros(50)
    mine[[0, 25]], theirs[[0, 25]] = (15.73, 17.03), (12.96, 13.16)
    values = in_both("cell_rate_bps_hz", np.stack([mine, first]), np.stack([theirs, first]))
    found = paired_difference(*(sample_estimate("cell_rate_bps_hz", each) for each in values))
    assert (found.n, found.value) == (2, pytest.approx(3.32))
    assert found.low is not None
    assert found.low < 0


def test_shares_may_differ_by_what_no_sample_met() -> None:
    none = sample_estimate("report_error_rate", np.zeros((1, 100)))
    met = sample_estimate("report_error_rate", (np.arange(100) == 7).astype(float)[None])
    unseen = 1 - 0.025 ** (1 / 100)
    for difference in (paired_difference, unpaired_difference):
        found = difference(none, none)
        assert (found.low, found.high) == pytest.approx((-unseen, unseen))
    same = paired_difference(met, met)
    assert (same.low, same.high) == pytest.approx((-unseen, unseen))
    assert paired_difference(met, none).value == pytest.approx(0.01)


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
    assert found.n == 5
    assert found.value == pytest.approx(np.mean(levels[0] - levels[1]), rel=1e-9)
    low, _ = interval_of_mean(Spread.of(levels[0] - levels[1]))
    assert found.low == pytest.approx(found.value + low, rel=1e-9)


def test_groups_go_by_the_index_of_a_sample() -> None:
    """Where samples are left out, those that follow stay in their groups, as in the run."""
    (a, _), kept = correlated(1000), np.r_[0:150, 155:998]
    levels = [10 * np.log10(a[kept][kept // 200 == group].mean()) for group in range(5)]
    found = sample_estimate("nmse_db_batchmean", a[kept][None], kept)
    assert found.value == pytest.approx(np.mean(levels), rel=1e-9)
    assert found.value != sample_estimate("nmse_db_batchmean", a[kept][None]).value


def test_indices_of_a_part_that_was_cut_off() -> None:
    """Samples that are left out behind its end take no index of it."""
    whole = SampleValues(np.arange(8.0), {}, (2, 7))
    assert whole.indices().tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert whole.only(np.arange(8) < 4, whole.left_out).indices().tolist() == [0, 1, 3, 4]


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
