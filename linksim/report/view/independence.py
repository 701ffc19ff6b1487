"""What does not depend on an axis, found in the values themselves: it is told once, and not drawn over that axis."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from linksim.report.view.metric_format import MetricText
from linksim.reserved_names import NO_COMPRESSOR

# Rounding of a value that is written with nine digits.
_ROUNDING = 1e-8
# What arithmetic in single precision leaves of sums that are the same: 17 of its units, relative, and 2e-6 of an error.
_SINGLE_PRECISION = 2e-6
_SINGLE_PRECISION_DB = 1e-5


def depends_on(rows: pd.DataFrame, column: str, others: Sequence[str], metric: MetricText) -> bool:
    """Whether any compressor's value of a metric changes along an axis, or is not there at all of its values.

    What some compressors have at one value alone would be lost with it, however little the others change.

    Args:
        rows: results.
        column: the axis.
        others: all other axes that vary.
        metric: which metric; its digits say what a change is.
    """
    own = rows[rows["metric"] == metric.name]
    spread = _spread(own, column, [*others, "compressor"])
    # Single values say nothing of the axis.
    if spread.empty or bool((spread > _shown_change(metric, own)).any()):
        return True
    return _misses_some(own, column, list(others))


def vary_together(rows: pd.DataFrame, one: str, other: str) -> bool:
    """Whether each value of an axis goes with one value of another, and the other way round; an axis does with itself.

    Args:
        rows: results.
        one: an axis that varies.
        other: another one.
    """
    pairs = rows[[one, other]] if one != other else rows[[one]]
    count = len(pairs.drop_duplicates())
    return all(pairs[column].nunique(dropna=False) == count for column in pairs)


def largest_change(rows: pd.DataFrame, column: str, others: Sequence[str], metric: MetricText) -> float:
    """The most that any compressor's value of a metric changes along an axis; 0 where that is rounding only."""
    own = rows[rows["metric"] == metric.name]
    spread = _spread(own, column, [*others, "compressor"])
    most = float(spread.max()) if len(spread) else 0.0
    return most if most > _rounding(metric, own) else 0.0


def flat_labels(rows: pd.DataFrame, column: str, others: Sequence[str], metric: MetricText) -> list[str]:
    """Compressors whose value is the same, but for rounding, at all of several values of an axis.

    Whatever the other axes are. What merely is alike to the digits that tables show changes: rates of errors, for one,
    are told apart below these.
    """
    own = rows[(rows["metric"] == metric.name) & (rows["compressor"] != NO_COMPRESSOR)]
    spread = _spread(own, column, [*others, "compressor"])
    of_label = spread.groupby(level="compressor").max() if len(spread) else spread
    return [
        str(label)
        for label in own["compressor"].unique()
        if label in of_label.index and of_label[label] <= _rounding(metric, own[own["compressor"] == label])
    ]


def _spread(rows: pd.DataFrame, column: str, others: list[str]) -> "pd.Series[float]":
    """Largest less smallest value along an axis, by group that has several of its values; 0 of equal infinities."""
    if rows.empty:
        return pd.Series(dtype=float)
    groups = rows.groupby(others, dropna=False)
    low, high = groups["value"].min(), groups["value"].max()
    spread = (high - low).where(low != high, 0.0)
    return spread[groups[column].nunique(dropna=False) > 1]


def _misses_some(rows: pd.DataFrame, column: str, others: list[str]) -> bool:
    """Whether a compressor lacks some of the values of an axis that there are where the others are the same."""
    found = rows.groupby([*others, "compressor"], dropna=False)[column].nunique(dropna=False)
    if not others:
        return bool((found < rows[column].nunique(dropna=False)).any())
    wanted = rows.groupby(others, dropna=False)[column].nunique(dropna=False)
    return bool((found.groupby(level=others, dropna=False).min() < wanted).any())


def _shown_change(metric: MetricText, rows: pd.DataFrame) -> float:
    """Half a unit of the last digit that is shown; rounding, of exact figures and of those over decades."""
    if metric.digits is None or metric.logarithmic:
        return _rounding(metric, rows)
    return 0.5 * 10.0**-metric.digits


def _rounding(metric: MetricText, rows: pd.DataFrame) -> float:
    if metric.is_error_db:
        return _SINGLE_PRECISION_DB
    finite = rows["value"][np.isfinite(rows["value"])].abs()
    largest = float(finite.max()) if len(finite) else 0.0
    return (_ROUNDING if metric.digits is None else _SINGLE_PRECISION) * largest
