"""Which results of a column are best: those that no other is better than by more than chance."""

from collections.abc import Callable, Mapping

import pandas as pd

from linksim.report.view.metric_format import MetricText

# Interval of the difference of two rows of results, paired by sample; ``None`` where there are no samples to pair.
Difference = Callable[[pd.Series, pd.Series], tuple[float, float] | None]


def best_labels(
    metric: MetricText, results: Mapping[str, pd.Series | None], difference: Difference | None = None
) -> frozenset[str]:
    """Labels of the best result and of all that are as good as it; none where nothing is told apart, as of one sample.

    Two results are as good as one another if the interval of their paired difference holds 0; without samples to pair,
    if their intervals overlap; without intervals, if they are written with the same digits.

    Args:
        metric: which metric.
        results: rows of results by label, ``None`` where there is none.
        difference: gives paired intervals.
    """
    rows = {label: row for label, row in results.items() if row is not None}
    if metric.better is None or len(rows) < 2:
        return frozenset()
    sign = 1 if metric.better == "low" else -1
    leader = min(rows, key=lambda label: sign * float(rows[label]["value"]))
    if rows[leader].get("n") == 1:
        return frozenset()
    ties = {label for label, row in rows.items() if _as_good(metric, rows[leader], row, difference)} | {leader}
    return frozenset() if len(ties) == len(rows) else frozenset(ties)


def _as_good(metric: MetricText, leader: pd.Series, other: pd.Series, difference: Difference | None) -> bool:
    if metric.text(float(leader["value"])) == metric.text(float(other["value"])):
        return True
    if pd.isna(leader["ci_low"]) or pd.isna(other["ci_low"]):
        return False
    overlap = bool(leader["ci_low"] <= other["ci_high"] and other["ci_low"] <= leader["ci_high"])
    # Intervals that do not touch need no pairing.
    paired = difference(leader, other) if difference is not None and overlap else None
    return overlap if paired is None else paired[0] <= 0 <= paired[1]
