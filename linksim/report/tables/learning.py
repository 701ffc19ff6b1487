"""What compressors and estimators learnt from, in words: training channels, and what a network's weights saw."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from linksim.reserved_names import NO_COMPRESSOR

HEADS = (
    "Compressor", "CR", "Learnt from", "Start [dB]", "Validation [dB]", "Validated through", "Samples seen", "Seed",
    "Recipe", "Weights", "Remarks",
)  # fmt: skip
UNKNOWN = "unknown"
_HASH_DIGITS = 12


def learnt_from_line(results: pd.DataFrame, manifest: Mapping[str, Any] | None = None) -> str:
    """One line: how many distinct training channels each compressor and each estimator learnt from.

    Empty where neither table nor manifest says, and where no compressor has a figure.
    """
    if "learnt_from" not in results.columns:
        return ""
    groups: dict[str, list[str]] = {}
    rows = results[results["compressor"] != NO_COMPRESSOR]
    for label, counts in rows.groupby("compressor", sort=False)["learnt_from"]:
        known = sorted(counts.dropna().unique())
        text = " to ".join(count_text(count) for count in dict.fromkeys([known[0], known[-1]])) if known else UNKNOWN
        groups.setdefault(text, []).append(str(label))
    for estimator in _estimators(manifest or {}):
        groups.setdefault(count_text(estimator.get("learnt_from")), []).append(_estimator_title(estimator))
    parts = [f"{', '.join(labels)}: {text}" for text, labels in groups.items()]
    return f"learnt from, in distinct training channels: {'; '.join(parts)}" if parts else ""


def learning_rows(manifest: Mapping[str, Any]) -> list[list[str]]:
    """The table of a report, a row for each compressor and ratio, and for each estimator; columns ``HEADS``."""
    estimators = [
        [_estimator_title(entry), "", count_text(entry.get("learnt_from")), *[""] * (len(HEADS) - 3)]
        for entry in _estimators(manifest)
    ]
    return [*map(_row, _entries(manifest, "compressors")), *estimators]


def count_text(count: Any) -> str:
    """A count with its thousands set apart; ``unknown`` for none."""
    number = isinstance(count, int | float) and count == count
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number else UNKNOWN


def _entries(manifest: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = manifest.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _estimators(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _entries(manifest, "estimators")


def _estimator_title(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('estimator', '')} (estimator)"


def _row(entry: Mapping[str, Any]) -> list[str]:
    common = [str(entry.get("compressor", "")), _number(entry.get("compression_ratio"), "g")]
    common.append(count_text(entry.get("learnt_from")))
    weights = entry.get("weights")
    if not isinstance(weights, dict):
        return [*common, *[""] * (len(HEADS) - len(common))]
    recipe = weights.get("recipe")
    remarks = [] if weights.get("improved", True) else ["training did not improve on the start"]
    remarks += _texts(entry.get("differences"))
    return [
        *common,
        _number(weights.get("start_nmse_db"), ".2f"),
        _number(weights.get("validation_nmse_db"), ".2f"),
        str(weights.get("validated_through", "")),
        count_text(weights.get("samples_seen")),
        str(weights.get("seed", "")),
        ", ".join(f"{key} {value}" for key, value in recipe.items()) if isinstance(recipe, dict) else "",
        f"{weights.get('file', '')}, SHA-256 {str(weights.get('sha256', ''))[:_HASH_DIGITS]}",
        "; ".join(remarks),
    ]


def _number(value: Any, form: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format(value, form).replace("-", "\N{MINUS SIGN}") if is_number else ""


def _texts(values: Any) -> Iterable[str]:
    return map(str, values) if isinstance(values, list) else []
