"""The complexity table of a run: what a report costs at either side."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feedback.number_text import number_text
from linksim.errors import InputError
from linksim.storage.csv_text import read_csv

COSTS_FILE = "complexity.csv"
# Columns of the table in a report, and their heads.
HEADS = {
    "compressor": "Compressor",
    "compression_ratio": "Compression ratio",
    "ue_macs": "UE multiply-adds",
    "bs_macs": "BS multiply-adds",
    "ue_parameters": "UE parameters",
    "bs_parameters": "BS parameters",
    "ue_bytes": "UE bytes",
}
_RATIO = "compression_ratio"
_OPTIONAL = (_RATIO, "ue_bytes")


def read_costs(run: Path) -> pd.DataFrame | None:
    """Costs by compressor; the columns of ``HEADS`` that the file has, ``None`` where there is no file.

    Raises:
        InputError: if the file lacks a column, or holds something other than one row of counts a compressor.
    """
    path = run / COSTS_FILE
    if not path.exists():
        return None
    wanted = [column for column in HEADS if column not in _OPTIONAL]
    try:
        table = read_csv(path)
        columns = [column for column in HEADS if column in table.columns or column not in _OPTIONAL]
        table = table[columns]
        counts = table[columns[1:]].replace("", np.nan).apply(pd.to_numeric).astype(float)
        if (
            not (counts.drop(columns=_RATIO, errors="ignore") >= 0).all(axis=None)
            or table["compressor"].duplicated().any()
        ):
            raise ValueError("a count below 0, or two rows of a compressor")
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read ({reason}), expected columns {', '.join(wanted)}") from None
    return pd.concat([table["compressor"], counts], axis=1)


def at_ratios_of(costs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The costs of those compressors that have results at the ratio that the costs are of.

    Args:
        costs: as ``read_costs`` gives them.
        rows: results of a point.
    """
    if _RATIO not in costs or "compressor_ratio" not in rows:
        return costs
    measured = costs["compressor"].map(rows.drop_duplicates("compressor").set_index("compressor")["compressor_ratio"])
    return costs[np.isclose(costs[_RATIO], measured.astype(float), equal_nan=True)]


def ratios_beside(costs: pd.DataFrame, rows: pd.DataFrame, ratio: float, title: Callable[[str], str]) -> str:
    """A sentence on compressors whose costs are of another ratio than a point's, in a figure of it or not; or nothing.

    Args:
        costs: as ``read_costs`` gives them.
        rows: results of the point.
        ratio: the point's compression ratio.
        title: what a label is called.
    """
    if _RATIO not in costs:
        return ""
    other = costs[costs[_RATIO].notna() & ~np.isclose(costs[_RATIO].astype(float), ratio)]
    shown = set(at_ratios_of(costs, rows)["compressor"])
    own, left_out = (
        [
            f"{title(str(label))} {_ratio_text(at)}"
            for label, at in zip(other["compressor"], other[_RATIO], strict=True)
            if label in part
        ]
        for part in (shown, set(other["compressor"]) - shown)
    )
    sentences = [f"With a ratio of their own: {', '.join(own)}." if own else ""]
    sentences.append(f"Not drawn, as measured at another ratio: {', '.join(left_out)}." if left_out else "")
    return " ".join(filter(None, sentences))


def cost_rows(costs: pd.DataFrame | None) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of text with thousands set apart, for a report; empty without costs."""
    if costs is None:
        return [], []
    heads = [HEADS[column] for column in costs.columns]
    columns = [list(map(_TEXTS.get(str(name), _count_text), costs[name])) for name in costs.columns]
    return heads, [list(row) for row in zip(*columns, strict=True)]


def _count_text(count: float) -> str:
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _ratio_text(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"1/{number_text(ratio)}"


_TEXTS: dict[str, Callable[[Any], str]] = {"compressor": str, _RATIO: _ratio_text}
