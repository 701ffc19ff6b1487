"""Operating points of the compressors of a run: what each report costs in bits, and how good it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from linksim.reserved_names import NO_COMPRESSOR

# What is varied to spend more or fewer bits; whatever else varies makes other channels of it.
BIT_AXES = ("compression_ratio", "feedback.quantiser.")
# Numbers that make another question of it, not more of the same: their values are shown side by side.
_QUESTIONS = ("multi_user.users",)


def curve_names(scenario: Mapping[str, Any]) -> dict[str, str]:
    """The curve that each label of a scenario's compressors is a point of: its key ``curve``, or itself."""
    sections = scenario.get("compressors")
    found = {}
    for section in sections if isinstance(sections, list) else []:
        if isinstance(section, dict):
            label = str(section.get("label") or section.get("name") or section.get("plugin") or "")
            found[label] = str(section.get("curve") or label)
    return found


def spends_bits(column: str) -> bool:
    """Whether a column of results is one that is varied to spend more or fewer bits."""
    return column.startswith(BIT_AXES)


def over_bits(rows: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether the bits of a report are the only number that columns of results vary on a scale."""
    others = (column for column in columns if not spends_bits(column) and column not in _QUESTIONS)
    return not any(is_numeric_dtype(rows[column]) for column in others)


def operating_points(rows: pd.DataFrame, axes: list[str], curves: Mapping[str, str], metric: str) -> pd.DataFrame:
    """Mean bits of a report against a metric.

    Args:
        rows: results of one sweep.
        axes: its columns that vary.
        curves: the curve of each label.
        metric: which metric.

    Returns:
        Columns ``curve``, ``compressor``, ``bits``, ``value``, ``ci_low``, ``ci_high`` and ``n``; what has no bit
        count, no value or none that is finite is left out.
    """
    own = rows[rows["compressor"] != NO_COMPRESSOR]
    by = ["compressor", *axes]
    bits = own.loc[own["metric"] == "bits", [*by, "value"]].rename(columns={"value": "bits"})
    found = own[own["metric"] == metric].merge(bits, on=by)
    found = found[(found["bits"] > 0) & found["value"].abs().lt(float("inf"))]
    found = found.assign(curve=found["compressor"].map(lambda label: curves.get(label, label)))
    return found[["curve", "compressor", "bits", "value", "ci_low", "ci_high", "n"]].reset_index(drop=True)
