"""The quantities a sweep can vary, how they are written, and which of them make up a given sweep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan

import pandas as pd

from linksim.report.names import value_title
from linksim.report.results_table import NAME_COLUMNS, NUMBER_COLUMNS

# A swept value: a number, or a name for keys that take one.
AxisValue = float | str


@dataclass(frozen=True)
class Axis:
    """One axis column of the results.

    Attributes:
        column: its name in the results, SI units and dB.
        name: its name in prose.
        unit: the unit it is shown in.
        scale: shown value / stored value.
        missing: text of an empty cell.
        curves: whether its values are curves of one figure, in a panel for each compressor, and not panels.
        titles: what its names are called, where its column does not tell.
    """

    column: str
    name: str
    unit: str
    scale: float = 1.0
    missing: str = "-"
    curves: bool = False
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and unit, for an axis of a figure or the head of a table."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def text(self, stored: AxisValue) -> str:
        """A stored value in the shown unit, without the unit."""
        if isinstance(stored, str):
            return self.titles.get(stored) or value_title(self.column, stored)
        if isnan(stored):
            return self.missing
        number = f"{self.scale * stored:.4g}".replace("-", "\N{MINUS SIGN}")
        return f"1/{number}" if self.column == "compression_ratio" else number

    def phrase(self, stored: AxisValue) -> str:
        """Name, value and unit, such as ``Feedback delay 4 ms``."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.text(stored)}{unit}".strip()


# In order of preference for the horizontal axis of a figure, where several have as many values.
AXES = (
    Axis("snr_db", "SNR", "dB"),
    Axis("feedback_snr_db", "Feedback SNR", "dB", missing="\N{INFINITY}"),
    Axis("compression_ratio", "Compression ratio", ""),
    Axis("speed_m_s", "Speed", "m/s"),
    Axis("feedback_delay_s", "Feedback delay", "ms", scale=1e3),
)

# Further scenario keys that are often swept, by their column.
_OTHER_AXES = {
    axis.column: axis
    for axis in (
        Axis("feedback.denoiser.name", "Denoiser", ""),
        Axis("feedback.quantiser.name", "Quantiser", ""),
        Axis("feedback.quantiser.bits", "Bits per codeword value", ""),
        Axis("feedback.quantiser.cells", "Cells over a codeword value's range", ""),
        Axis("feedback.link.flip_rate", "Bit flip rate", ""),
        Axis("feedback.link.code_rate", "Code rate of the uplink", ""),
        Axis("feedback.link.fading", "Uplink fading", ""),
        Axis("feedback.link.modulation", "Modulation of the uplink", ""),
        Axis("feedback.link.payload_bits", "Payload of a report", "bit"),
        Axis("transform.scale_bits", "Bits of the scale", ""),
        Axis("transform.n_delay", "Delay rows", ""),
        Axis("estimation.spacing", "Pilot spacing", "subcarriers"),
        Axis("feedback.report_period_s", "Report period", "ms", scale=1e3),
        Axis("feedback.n_reports", "Reports seen", ""),
        Axis("feedback.predictor", "Predictor", "", curves=True),
        Axis("feedback.predictor.name", "Predictor", "", curves=True),
        Axis("feedback.predictor.order", "Predictor order", ""),
    )
}


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


def all_axes(results: pd.DataFrame) -> list[Axis]:
    """The axes that every run has, then the other scenario keys that this one sweeps."""
    others = [name for name in results.columns if name not in (*NAME_COLUMNS, *NUMBER_COLUMNS)]
    return [*AXES, *(_OTHER_AXES.get(str(name), Axis(str(name), str(name), "")) for name in others)]


def sweep_axes(rows: pd.DataFrame, across: str | None = None) -> SweepAxes:
    """The axes of a sweep: the columns that vary, that with the most values horizontal, or ``across`` if it varies.

    A column that follows the horizontal axis makes no panels.
    """
    varying = [axis for axis in all_axes(rows) if rows[axis.column].nunique(dropna=False) > 1]
    if not varying:
        return SweepAxes(None, ())
    x = max(varying, key=lambda axis: (axis.column == across, rows[axis.column].nunique(dropna=False)))
    by_x = rows.groupby(x.column, dropna=False)
    others = [axis for axis in varying if axis is not x]
    panels = tuple(axis for axis in others if by_x[axis.column].nunique(dropna=False).max() > 1)
    return SweepAxes(x, panels, tuple(axis for axis in others if axis not in panels))


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
    """The distinct stored values of an axis, ascending, an empty cell (NaN) last."""
    return list(rows[axis.column].drop_duplicates().sort_values(na_position="last"))
