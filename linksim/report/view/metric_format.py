"""How the values of each metric are labelled and rounded in figures and tables, from what the metric says of itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import TYPE_CHECKING, Literal

from linksim.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

# A relative error below this is rounding of float32 (1e-7, -140 dB), not a property of a compressor.
LOSSLESS_DB = -90.0


@dataclass(frozen=True)
class MetricText:
    """Wording of one metric.

    Attributes:
        name: its name in the results.
        short: file-name stem of its figures.
        label: axis label with the unit.
        meaning: definition, domain and aggregation, one sentence or two.
        better: which end is good, ``None`` where neither is.
        digits: decimals in tables, ``None`` for exact figures.
        logarithmic: whether figures show it on a logarithmic scale, zeros left out.
        partial: whether it is not defined for every compressor.
    """

    name: str
    short: str
    label: str
    meaning: str
    better: Literal["low", "high"] | None
    digits: int | None
    logarithmic: bool = False
    partial: bool = False

    @property
    def is_error_db(self) -> bool:
        """Whether this is a relative error in dB."""
        return "nmse" in self.name and self.name.endswith("_db")

    def is_lossless(self, value: float) -> bool:
        """Whether a value is an error that is nothing but rounding."""
        return self.is_error_db and value < LOSSLESS_DB

    def text(self, value: float) -> str:
        """A value with this metric's decimals; infinities as signs, errors that are rounding only as a bound."""
        if self.is_lossless(value):
            return f"< \N{MINUS SIGN}{-LOSSLESS_DB:.0f}"
        if isinf(value):
            return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
        text = f"{value:.7g}" if self.digits is None else f"{value:.{self.digits}f}"
        return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


def metric_text(name: str) -> MetricText:
    """The wording of a metric; one that is not registered is shown under its own name."""
    if name not in METRICS:
        return MetricText(name, name, name, "", None, 4)
    metric = METRICS.get_class(name)
    label = metric.label if metric.unit == "1" else f"{metric.label} [{metric.unit}]"
    return MetricText(
        name, metric.stem, label, metric.meaning, metric.better, metric.digits, metric.logarithmic, metric.partial
    )


def is_drawn(rows: "pd.DataFrame", metric: MetricText, labels: Iterable[str]) -> bool:
    """Whether results hold a value of a metric, of some compressors, that has a place on its axis."""
    own = rows[(rows["metric"] == metric.name) & rows["compressor"].isin(list(labels))]
    return not drawable(own, metric).empty


def drawable(rows: "pd.DataFrame", metric: MetricText) -> "pd.DataFrame":
    """Rows that have a place on a metric's axis: finite, no rounding error alone, no zero on a logarithmic one."""
    shown = rows[rows["value"].abs().lt(float("inf"))]
    if metric.is_error_db:
        shown = shown[shown["value"] > LOSSLESS_DB]
    return shown[shown["value"] > 0] if metric.logarithmic else shown
