"""Accumulators that are refused: of other metrics, of damaged documents, of values that are not finite."""

import math

import pytest

from linksim.errors import InputError
from linksim.statistics.accumulators import (
    GroupedDecibelAccumulator,
    MeanAccumulator,
    RatioAccumulator,
    accumulator_from_json,
)
from tests.linksim.test_accumulators import _fill_maximum, _fill_mean, _fill_quantile


@pytest.mark.parametrize("wrong", [{"lost": -1}, {"lost": 7}, {"lost": "few"}, {"extremes": None}, {"extremes": [1.0]}])
def test_damaged_counts_and_extremes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="accumulator: got"):
        accumulator_from_json({**_fill_mean([1.0, 2.0], 0).to_json(), **wrong})


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 1e200])
def test_what_is_not_finite_is_refused_by_name(wrong: float) -> None:
    for update in (
        MeanAccumulator("rho").update,
        lambda values: RatioAccumulator("rho").update(values, values),
        lambda values: RatioAccumulator("rho").update([1.0, 1.0], values),
        lambda values: GroupedDecibelAccumulator("rho").update(values, 0),
    ):
        with pytest.raises(InputError, match=r"metric rho: got .*, expected a finite number"):
            update([1.0, wrong])


def test_strangers_do_not_merge() -> None:
    with pytest.raises(InputError, match="expected the same metric and type"):
        MeanAccumulator("a").merge(MeanAccumulator("b"))
    with pytest.raises(InputError, match="expected the same metric and type"):
        MeanAccumulator("a").merge(MeanAccumulator("a", decibel=True))
    with pytest.raises(InputError, match="expected groups of 3"):
        GroupedDecibelAccumulator("a", group_size=3).merge(GroupedDecibelAccumulator("a", group_size=4))


@pytest.mark.parametrize(
    "change",
    [{"kind": "median"}, {"n": -1}, {"n": "many"}, {"sums": {}}, {"sums": {"x": 3, "xx": "0x1p0"}}, {"sums": None}],
)
def test_damaged_json_is_refused(change: dict[str, object]) -> None:
    document = {**_fill_mean([1.0, 2.0], 0).to_json(), **change}
    with pytest.raises(InputError, match="accumulator: got"):
        accumulator_from_json(document)


@pytest.mark.parametrize("change", [{"largest": None}, {"largest": "inf"}, {"largest": "high"}, {"n": 0}])
def test_damaged_maximum_is_refused(change: dict[str, object]) -> None:
    document = {**_fill_maximum([1.0, 3.0, 2.0], 0).to_json(), **change}
    with pytest.raises(InputError, match=r"accumulator: got|metric x: got inf"):
        accumulator_from_json(document)


@pytest.mark.parametrize(
    "change", [{"share": 1}, {"values": [1.0]}, {"values": ["nan", 1, 2]}, {"n": 2}, {"values": 7}]
)
def test_damaged_quantile_is_refused(change: dict[str, object]) -> None:
    document = {**_fill_quantile([1.0, 3.0, 2.0], 0).to_json(), **change}
    with pytest.raises(InputError, match=r"accumulator: got|metric q: got nan"):
        accumulator_from_json(document)
