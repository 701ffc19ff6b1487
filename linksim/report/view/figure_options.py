"""What a user may set of the figures: which metrics and curves, their order, limits, size, columns and palette."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from linksim.errors import InputError
from linksim.report.view.curve_style import DEFAULT_PALETTE, PALETTES

MAX_SIZE_IN = 40.0
MAX_COLUMNS = 12


@dataclass(frozen=True)
class FigureOptions:
    """Settings of figures; each has a default that suits a paper.

    Attributes:
        metrics: metrics that get figures; by default those that say most about what a sweep varies.
        limits: ends of the axis of a metric, by metric; by default what shows all curves but far ones.
        order: labels that come first, in this order; by default the scenario's.
        size_in: width and height of a figure in inches; by default one or two columns of a paper.
        columns: panels side by side; by default as many as fit.
        palette: name of a set of colours.
        only: labels that are shown; by default all.
        without: labels that are not.
        at: values of axes, by column, of the points whose distributions are drawn.
        vector: whether figures are written as PDF beside PNG.
    """

    metrics: tuple[str, ...] = ()
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    size_in: tuple[float, float] | None = None
    columns: int | None = None
    palette: str = DEFAULT_PALETTE
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    at: Mapping[str, str] = field(default_factory=dict)
    vector: bool = True

    @property
    def rows_chosen(self) -> bool:
        """Whether some curves are left out."""
        return bool(self.only or self.without)

    def with_palette(self, palette: str) -> "FigureOptions":
        """The same in other colours."""
        return replace(self, palette=palette)

    def check_labels(self, labels: Sequence[str]) -> None:
        """Refuses labels that a run does not have.

        Raises:
            InputError: one line that names the option and the run's labels.
        """
        for option, chosen in (("--only", self.only), ("--without", self.without), ("--order", self.order)):
            for label in chosen:
                if label not in labels:
                    raise InputError(f"{option}: got {label!r}, expected one of {', '.join(labels)}")
        if self.rows_chosen and not any(map(self.shows, labels)):
            raise InputError("--only, --without: got no compressor that is left, expected at least one")

    def check_metrics(self, known: Sequence[str]) -> None:
        """Refuses metrics that a run does not have.

        Raises:
            InputError: one line that names the option and the run's metrics.
        """
        for option, chosen in (("--metric", self.metrics), ("--limits", self.limits)):
            for metric in chosen:
                if metric not in known:
                    raise InputError(f"{option}: got {metric!r}, expected one of {', '.join(known)}")

    def shows(self, label: str) -> bool:
        """Whether a label is to be shown."""
        return (not self.only or label in self.only) and label not in self.without

    def ordered(self, labels: Sequence[str]) -> list[str]:
        """Labels that are shown, in their order."""
        first = [label for label in self.order if label in labels]
        return [label for label in [*first, *(label for label in labels if label not in first)] if self.shows(label)]


def parse_limits(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Limits from ``metric=low:high``.

    Raises:
        InputError: if a text is not of that form; one line.
    """
    limits = {}
    for text in texts:
        metric, _, ends = text.partition("=")
        low, high = _two_numbers("--limits", text, ends, ":", "METRIC=LOW:HIGH, such as nmse_db=-20:0")
        if low >= high:
            raise InputError(f"--limits: got {text!r}, expected a lower end below the higher one")
        limits[metric] = (low, high)
    return limits


def parse_size(text: str | None) -> tuple[float, float] | None:
    """Size in inches from ``WIDTHxHEIGHT``.

    Raises:
        InputError: if the text is not of that form, or out of range; one line.
    """
    if text is None:
        return None
    size = _two_numbers("--size", text, text, "x", "WIDTHxHEIGHT in inches, such as 3.5x2.5")
    if not all(1.0 <= length <= MAX_SIZE_IN for length in size):
        raise InputError(f"--size: got {text!r}, expected 1 to {MAX_SIZE_IN:g} inches")
    return size


def parse_palette(name: str) -> str:
    """A palette that there is.

    Raises:
        InputError: if there is none of this name; one line.
    """
    if name not in PALETTES:
        raise InputError(f"--palette: got {name!r}, expected one of {', '.join(PALETTES)}")
    return name


def parse_values(texts: Sequence[str]) -> dict[str, str]:
    """Axis values from ``key=value``.

    Raises:
        InputError: if a text is not of that form; one line.
    """
    for text in texts:
        if not all(text.partition("=")):
            raise InputError(f"--at: got {text!r}, expected KEY=VALUE, such as snr_db=10")
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _two_numbers(option: str, text: str, pair: str, between: str, expected: str) -> tuple[float, float]:
    parts = pair.split(between)
    try:
        first, second = map(float, parts)
    except ValueError:
        raise InputError(f"{option}: got {text!r}, expected {expected}") from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise InputError(f"{option}: got {text!r}, expected finite numbers: {expected}")
    return first, second
