"""Accumulators: exact whatever the split, right estimates, intervals that cover."""

import json
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.statistics.accumulator import Accumulator, Estimate
from linksim.statistics.accumulators import (
    GroupedDecibelAccumulator,
    MaximumAccumulator,
    MeanAccumulator,
    ProportionAccumulator,
    QuantileAccumulator,
    RatioAccumulator,
    accumulator_from_json,
)
from linksim.statistics.exact_sum import ExactSum, add_exactly
from linksim.statistics.skewed_interval import Spread, interval_of_mean

FINITE = st.floats(-1e99, 1e99, allow_subnormal=True)
POSITIVE = st.floats(1e-3, 1e3)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), max_size=40))
def test_exact_sum_is_fsum(values: list[float]) -> None:
    total = ExactSum()
    add_exactly([total], [np.array(values, dtype=np.float64)])
    assert float(total) == math.fsum(values)
    assert ExactSum.from_json(total.to_json()).units == total.units


def test_exact_sum_of_many_values_of_one_exponent() -> None:
    # Mantissas of 53 ones, more of them than are added up at once; float64 has no room for the sum of two.
    largest, count = float(np.nextafter(1.0, 0.0)), 2**20 + 5
    total = ExactSum()
    add_exactly([total], [np.full(count, -largest)])
    assert Fraction(total.units, 2**1074) == -Fraction(largest) * count


@pytest.mark.parametrize("text", ["", "0x1", "0x1p5000", "0x1p-1075", "p3", "1.5p0", "0xzp1"])
def test_exact_sum_refuses_damage(text: str) -> None:
    with pytest.raises(ValueError, match=r"exponent|invalid literal"):
        ExactSum.from_json(text)


def _fill_mean(values: list[float], first: int) -> MeanAccumulator:
    accumulator = MeanAccumulator("m")
    accumulator.update(values)
    return accumulator


def _fill_ratio(values: list[float], first: int) -> RatioAccumulator:
    accumulator = RatioAccumulator("r")
    accumulator.update(values, np.cos(values) + 2)
    return accumulator


def _fill_groups(values: list[float], first: int) -> GroupedDecibelAccumulator:
    accumulator = GroupedDecibelAccumulator("g", group_size=4)
    accumulator.update(np.abs(values) + 1e-3, first)
    return accumulator


def _fill_share(values: list[float], first: int) -> ProportionAccumulator:
    accumulator = ProportionAccumulator("s")
    accumulator.update(np.greater(values, 0))
    return accumulator


def _fill_maximum(values: list[float], first: int) -> MaximumAccumulator:
    accumulator = MaximumAccumulator("x")
    accumulator.update(values)
    return accumulator


def _fill_quantile(values: list[float], first: int) -> QuantileAccumulator:
    accumulator = QuantileAccumulator("q", share=0.3)
    accumulator.update(values)
    return accumulator


@pytest.mark.parametrize("fill", [_fill_mean, _fill_ratio, _fill_groups, _fill_share, _fill_maximum, _fill_quantile])
@settings(max_examples=40)
@given(values=st.lists(FINITE, min_size=1, max_size=30), data=st.data())
def test_split_and_order_change_no_digit(
    fill: Callable[[list[float], int], Accumulator], values: list[float], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(values) - 1)), max_size=5)) - {len(values)})
    shards = [fill(values[low:high], low) for low, high in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    shards = data.draw(st.permutations(shards))
    merged = accumulator_from_json(json.loads(json.dumps(shards[0].to_json())))
    for shard in shards[1:]:
        merged.merge(shard)
    assert merged.to_json() == fill(values, 0).to_json()
    assert merged.estimate() == fill(values, 0).estimate()


@given(st.integers(1, 3000), st.data())
def test_interval_of_a_share_is_wilsons(n: int, data: st.DataObject) -> None:
    ones = data.draw(st.integers(0, n))
    estimate = _fill_share([1.0] * ones + [-1.0] * (n - ones), 0).estimate()
    assert estimate is not None
    reference = scipy.stats.binomtest(ones, n).proportion_ci(0.95, method="wilson")
    assert (estimate.value, estimate.n) == (ones / n, n)
    # Some roundings of float64.
    assert (estimate.low, estimate.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert ProportionAccumulator("s").estimate() is None


@given(st.lists(POSITIVE, min_size=2, max_size=50))
def test_mean_and_interval(values: list[float]) -> None:
    estimate = _fill_mean(values, 0).estimate()
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.n == len(values)
    assert estimate.value == pytest.approx(math.fsum(values) / len(values), rel=1e-15)
    low, high = interval_of_mean(Spread.of(np.array(values)))
    # Sums are exact here and rounded there: deviations are to some 1e-16 of the values.
    room = 1e-12 * max(map(abs, values))
    assert estimate.low == pytest.approx(estimate.value + low, rel=1e-9, abs=room)
    assert estimate.high == pytest.approx(estimate.value + high, rel=1e-9, abs=room)
    assert estimate.low <= estimate.value <= estimate.high


def test_decibels() -> None:
    accumulator = MeanAccumulator("m", decibel=True)
    values = np.linspace(0.08, 0.12, 50)
    accumulator.update(values)
    estimate = accumulator.estimate()
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    low, high = interval_of_mean(Spread.of(values))
    assert estimate.value == pytest.approx(-10.0, rel=1e-13)
    assert estimate.low == pytest.approx(10 * math.log10(0.1 + low), rel=1e-12)
    assert estimate.high == pytest.approx(10 * math.log10(0.1 + high), rel=1e-12)


def test_a_lower_end_below_zero_is_finite_in_decibels() -> None:
    accumulator = MeanAccumulator("m", decibel=True)
    accumulator.update([1e-3, 1e-3, 1.0])
    estimate = accumulator.estimate()
    assert estimate is not None
    assert estimate.low is not None
    assert -math.inf < estimate.low < estimate.value - 10 * math.log10(2)


@pytest.mark.parametrize("without_report", [0.0, 1.0])
def test_losses_that_were_not_met_are_allowed_for(without_report: float) -> None:
    """With probability 2.5 % none of 100 reports is lost of which 3.62 % are (1 - 0.025^(1/100))."""
    accumulator = MeanAccumulator("m", without_report=without_report)
    accumulator.update(np.full(100, 0.5))
    accumulator.note_losses(torch.zeros(100, dtype=torch.bool))
    ends = accumulator_from_json(json.loads(json.dumps(accumulator.to_json()))).estimate()
    assert ends is not None
    far, near = (ends.low, ends.high) if without_report == 0 else (ends.high, ends.low)
    assert far == pytest.approx(0.5 + (without_report - 0.5) * (1 - 0.025 ** (1 / 100)), rel=1e-12)
    assert near == 0.5
    # One loss, and the values speak for themselves.
    accumulator.note_losses(torch.tensor([True]))
    met = accumulator.estimate()
    assert met is not None
    assert (met.low, met.high) == (0.5, 0.5)


def test_values_are_taken_as_they_are() -> None:
    """What a caller makes of its array later does not count."""
    values, accumulator = torch.tensor([1.0, 3.0], dtype=torch.float64), MeanAccumulator("m")
    accumulator.update(values)
    values.zero_()
    assert accumulator.mean_of("x") == 2


def test_moments_are_exact() -> None:
    """Values that differ in the last bits only: the variance survives, of equal values it is 0."""
    step = 2.0**-50
    accumulator = _fill_mean([1.0, 1.0 + step, 1.0 + 4 * step], 0)
    spread = accumulator.spread()
    # Deviations -5/3, -2/3, 7/3 steps; the exact fractions are rounded once, at the end.
    assert spread.variance == pytest.approx((25 + 4 + 49) / 27 * step**2, rel=1e-15)
    assert spread.third == pytest.approx((-125 - 8 + 343) / 81 * step**3, rel=1e-15)
    assert _fill_mean([0.1] * 7, 0).spread().variance == 0


def test_zero_in_decibels_has_no_interval() -> None:
    accumulator = MeanAccumulator("m", decibel=True)
    accumulator.update([0.0, 0.0])
    estimate = accumulator.estimate()
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == (-math.inf, None, None)


def test_one_value_has_no_interval_and_none_no_estimate() -> None:
    assert MeanAccumulator("m").estimate() is None
    assert RatioAccumulator("r").estimate() is None
    assert GroupedDecibelAccumulator("g").estimate() is None
    estimate = _fill_mean([3.0], 0).estimate()
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (3.0, None, None, 1)


def test_constant_ratio_has_no_spread() -> None:
    accumulator = RatioAccumulator("r")
    denominator = np.array([1.0, 2.0, 4.0, 8.0])
    accumulator.update(denominator / 4, denominator)
    estimate = accumulator.estimate()
    assert estimate is not None
    # Powers of two: every moment is exact.
    assert (estimate.value, estimate.low, estimate.high) == (0.25, 0.25, 0.25)


def test_groups_average_decibels() -> None:
    accumulator = GroupedDecibelAccumulator("g", group_size=2)
    accumulator.update([0.1, 0.1, 0.01, 0.01], 0)
    accumulator.update([0.5], 4)
    accumulator.update([1.5], 5)
    estimate = accumulator.estimate()
    assert estimate is not None
    assert estimate.value == pytest.approx((-10 - 20 + 0) / 3, rel=1e-14)
    assert estimate.n == 3


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_an_interval_is_there_from_the_least_count_on(share: float) -> None:
    accumulator = QuantileAccumulator("q", share=share)
    least = accumulator.least_for_interval
    for count in (least - 1, 1):
        accumulator.update(np.arange(count))
        estimate = accumulator.estimate()
        assert estimate is not None
        assert (estimate.low is None) == (estimate.n < least)


def test_maximum_has_no_interval() -> None:
    assert _fill_maximum([-3.0, -1.0, -2.0], 0).estimate() == Estimate(-1.0, None, None, 3)
    assert MaximumAccumulator("x").estimate() is None


def _coverage(trial: Callable[[np.random.Generator], tuple[Accumulator, float]], trials: int) -> float:
    generator = np.random.default_rng(11)
    covered = 0
    for _ in range(trials):
        accumulator, truth = trial(generator)
        estimate = accumulator.estimate()
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    return covered / trials


# Standard deviation of a coverage of 0.95 over 1000 trials: 0.007. The intervals are of second order in 1/n; with n =
# 200 and these spreads the error of that is far below 0.01. Few values get a longer interval than Student's.
@pytest.mark.parametrize(("n", "most"), [(3, 1.0), (20, 0.98 + 4 * 0.005), (200, 0.95 + 4 * 0.007 + 0.01)])
def test_coverage_of_a_mean(n: int, most: float) -> None:
    def trial(generator: np.random.Generator) -> tuple[Accumulator, float]:
        return _fill_mean(list(generator.normal(2.0, 3.0, n)), 0), 2.0

    assert 0.95 - 4 * 0.007 < _coverage(trial, 1000) <= most


def test_coverage_in_decibels_and_of_a_ratio() -> None:
    def decibel(generator: np.random.Generator) -> tuple[Accumulator, float]:
        accumulator = MeanAccumulator("m", decibel=True)
        accumulator.update(generator.gamma(4.0, 0.25e-2, 200))
        return accumulator, -20.0

    def ratio(generator: np.random.Generator) -> tuple[Accumulator, float]:
        denominator = generator.gamma(4.0, 1.0, 200)
        accumulator = RatioAccumulator("r")
        accumulator.update(0.5 * denominator + generator.normal(1.0, 1.0, 200), denominator)
        return accumulator, 0.75

    assert abs(_coverage(decibel, 1000) - 0.95) < 4 * 0.007 + 0.01
    assert abs(_coverage(ratio, 1000) - 0.95) < 4 * 0.007 + 0.01


def test_equal_values_at_the_end_of_the_range_have_an_interval_of_no_width() -> None:
    estimate = _fill_mean([1.3260486936347754e-153] * 2, 0).estimate()
    assert estimate is not None
    assert estimate.low == estimate.value == estimate.high
