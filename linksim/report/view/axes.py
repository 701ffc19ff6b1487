"""Which quantities a given sweep varies, and how they make up its figures and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from linksim.scenario.axis import COMMON_AXES, Axis, AxisValue, axis_of_column
from linksim.storage.results_table import FACT_COLUMNS, NAME_COLUMNS, NUMBER_COLUMNS


@dataclass(frozen=True)
class SweepAxes:
    """What a sweep varies.

    Attributes:
        x: the horizontal axis, ``None`` for a single point.
        panels: what varies beside it; each combination gets its own panel or table.
        followers: what goes together with the horizontal axis.
    """

    x: Axis | None
    panels: tuple[Axis, ...]
    followers: tuple[Axis, ...] = ()


@dataclass(frozen=True)
class Panel:
    """The rows of a sweep that share the values of all axes but the horizontal one.

    Attributes:
        title: those values in words, empty where the horizontal axis is the only one.
        rows: the results.
    """

    title: str
    rows: pd.DataFrame


def all_axes(results: pd.DataFrame, compressors: Sequence[str] = ()) -> list[Axis]:
    """The axes that every run has, then the other scenario keys that this one sweeps.

    Args:
        results: the results.
        compressors: what the compressors of the scenario are called, in its order.
    """
    others = [name for name in results.columns if name not in (*NAME_COLUMNS, *NUMBER_COLUMNS, *FACT_COLUMNS)]
    return [*COMMON_AXES, *(axis_of_column(str(name), compressors) for name in others)]


def sweep_axes(rows: pd.DataFrame, across: str | None = None, compressors: Sequence[str] = ()) -> SweepAxes:
    """The axes of a sweep: the columns that vary, that with the most values horizontal, or ``across`` if it varies.

    A column that follows the horizontal axis makes no panels.
    """
    varying = [axis for axis in all_axes(rows, compressors) if rows[axis.column].nunique(dropna=False) > 1]
    if not varying:
        return SweepAxes(None, ())
    x = max(varying, key=lambda axis: (axis.column == across, rows[axis.column].nunique(dropna=False)))
    by_x = rows.groupby(x.column, dropna=False)
    others = [axis for axis in varying if axis is not x]
    panels = tuple(axis for axis in others if by_x[axis.column].nunique(dropna=False).max() > 1)
    return SweepAxes(x, panels, tuple(axis for axis in others if axis not in panels))


def going_together(rows: pd.DataFrame, axes: SweepAxes) -> str:
    """What a sweep varies together with its horizontal axis, in words; empty where that is nothing."""
    if axes.x is None or not axes.followers:
        return ""
    pairs = rows.drop_duplicates(axes.x.column).sort_values(axes.x.column)
    texts = [
        f"{axis.words} {', '.join(axis.text(value) for value in pairs[axis.column])}"
        for axis in (axes.x, *axes.followers)
    ]
    return f"varied together: {'; '.join(texts)}"


def sweep_panels(rows: pd.DataFrame, axes: SweepAxes) -> list[Panel]:
    """Splits a sweep by its panel axes, in ascending order of their numbers and the given order of their names."""
    if not axes.panels:
        return [Panel("", rows)]
    panels = []
    keys = [_in_order(rows[axis.column]) for axis in axes.panels]
    for _, part in rows.groupby(keys, dropna=False, observed=True):
        title = ", ".join(axis.phrase(part[axis.column].iloc[0]) for axis in axes.panels)
        panels.append(Panel(title, part))
    return panels


def _in_order(values: pd.Series) -> pd.Series:
    """Values that a grouping sorts as they should be: names as they come."""
    if pd.api.types.is_numeric_dtype(values):
        return values
    return values.astype(pd.CategoricalDtype(list(values.drop_duplicates()), ordered=True))


def axis_values(rows: pd.DataFrame, axis: Axis) -> list[AxisValue]:
    """The distinct stored values of an axis, ascending, names after numbers, an empty cell (NaN) last."""
    values = rows[axis.column].drop_duplicates().sort_values(na_position="last")
    # Numbers beside names are text, of which 10 would come before 2.
    return list(values.sort_values(key=lambda stored: pd.to_numeric(stored, errors="coerce"), kind="stable"))


def at_value(rows: pd.DataFrame, axis: Axis, value: AxisValue) -> pd.DataFrame:
    """Those rows that have a value of an axis, by what is stored: texts of two values may be one."""
    column = rows[axis.column]
    return rows[column.isna() if pd.isna(value) else column == value]
