"""The complexity table of a run: what a report costs at either side."""

from pathlib import Path

import pandas as pd

from linksim.errors import InputError
from linksim.storage.csv_text import read_csv

COSTS_FILE = "complexity.csv"
# Columns of the table in a report, and their heads.
HEADS = {
    "compressor": "Compressor",
    "ue_macs": "UE multiply-adds",
    "bs_macs": "BS multiply-adds",
    "ue_parameters": "UE parameters",
    "bs_parameters": "BS parameters",
    "ue_bytes": "UE bytes",
}
_OPTIONAL = ("ue_bytes",)


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
        counts = table[columns[1:]].apply(pd.to_numeric).astype(float)
        if not (counts >= 0).all(axis=None) or table["compressor"].duplicated().any():
            raise ValueError("a count below 0, or two rows of a compressor")
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read ({reason}), expected columns {', '.join(wanted)}") from None
    return pd.concat([table["compressor"], counts], axis=1)


def cost_rows(costs: pd.DataFrame | None) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of text with thousands set apart, for a report; empty without costs."""
    if costs is None:
        return [], []
    heads = [HEADS[column] for column in costs.columns]
    rows = [
        [str(label), *(f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") for count in counts)]
        for label, *counts in costs.itertuples(index=False)
    ]
    return heads, rows
