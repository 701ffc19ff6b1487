"""Accumulators of means and of ratios of means, whose intervals hold for skewed values and allow for unseen losses."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from linksim.errors import InputError
from linksim.statistics.accumulator import Accumulator, Estimate
from linksim.statistics.exact_sum import exact_product
from linksim.statistics.skewed_interval import CONFIDENCE, Spread, largest_unseen_share


class LossyAccumulator(Accumulator):
    """Samples whose reports may get lost, counted, so that an interval can allow for losses that it has not met.

    Args:
        name: metric that it belongs to.
        decibel: whether the estimate is in dB.
        without_report: the metric's value of a sample of whose channel the BS knows nothing, linear; ``None`` where the
            metric has none.

    Attributes:
        lost: samples whose report was lost, or arrived wrong; ``None`` where the link loses none.
    """

    def __init__(self, name: str, *, decibel: bool = False, without_report: float | None = None) -> None:
        super().__init__(name, decibel=decibel)
        self.without_report = without_report
        self.lost: int | None = None

    def note_losses(self, lost: Tensor | None) -> None:
        """Counts the samples whose report was lost, ``[batch]``, bool; nothing where the link loses none."""
        if lost is not None:
            self.lost = (self.lost or 0) + int(lost.count_nonzero())

    def merge(self, other: Accumulator) -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric or is of another type.
        """
        super().merge(other)
        if isinstance(other, LossyAccumulator) and other.lost is not None:
            self.lost = (self.lost or 0) + other.lost

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write; sums are exact."""
        return {**super().to_json(), "without_report": self.without_report, "lost": self.lost}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Takes over losses."""
        super().restore(document)
        lost, without_report = document["lost"], document["without_report"]
        self.lost = None if lost is None else int(lost)
        self.without_report = None if without_report is None else float(without_report)
        if self.lost is not None and not 0 <= self.lost <= self.n:
            raise ValueError(f"{lost} lost of {self.n}")

    def unseen_losses(self, mean: float) -> float | None:
        """What the mean would be if the largest share of losses that can have escaped notice were there.

        ``None`` where losses were met, which then speak for themselves, and where the link loses nothing.
        """
        if self.lost != 0 or self.without_report is None:
            return None
        return mean + largest_unseen_share(self.n) * (self.without_report - mean)


class MeanAccumulator(LossyAccumulator):
    r"""Mean of per-sample values, in dB 10 log10 of it; the interval is that of ``linksim.statistics.skewed_interval``.

    Attributes:
        smallest: smallest of the values, infinite before the first.
        largest: largest of the values, minus infinite before the first.
    """

    kind = "mean"
    moments = ("x", "xx", "xxx")

    def __init__(self, name: str, *, decibel: bool = False, without_report: float | None = None) -> None:
        super().__init__(name, decibel=decibel, without_report=without_report)
        self.smallest, self.largest = math.inf, -math.inf

    def update(self, values: Tensor | ArrayLike) -> None:
        """Adds per-sample values, any shape.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        x = self.finite(values).ravel()
        self.keep(x)
        self._reach_to(float(x.min(initial=math.inf)), float(x.max(initial=-math.inf)))

    def parts(self, *values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """The values, and parts of their squares and cubes."""
        (x,) = values
        squares = exact_product(x[None], x)
        return x, squares, exact_product(squares, x)

    def merge(self, other: Accumulator) -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric or is of another type.
        """
        super().merge(other)
        if isinstance(other, MeanAccumulator):
            self._reach_to(other.smallest, other.largest)

    def estimate(self) -> Estimate | None:
        """Mean and interval, ``None`` before the first value."""
        if self.n == 0:
            return None
        mean = float(self.mean_of("x"))
        return self.interval(mean, self.spread(), self.unseen_losses(mean))

    def spread(self) -> Spread:
        """How the values lie about their mean; of at least one value."""
        mean, square, cube = (self.mean_of(moment) for moment in self.moments)
        return Spread(
            self.n,
            float(square - mean**2),
            float(cube - 3 * mean * square + 2 * mean**3),
            min(self.smallest - float(mean), 0.0),
            max(self.largest - float(mean), 0.0),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write; sums are exact."""
        extremes = [self.smallest, self.largest] if self.n else None
        return {**super().to_json(), "extremes": extremes}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Takes over extremes."""
        super().restore(document)
        extremes = document["extremes"]
        if (extremes is None) != (self.n == 0):
            raise ValueError(f"extremes {extremes} of {self.n} values")
        if extremes is not None:
            smallest, largest = self.finite([float(end) for end in extremes]).tolist()
            self._reach_to(smallest, largest)

    def _reach_to(self, smallest: float, largest: float) -> None:
        self.smallest, self.largest = min(self.smallest, smallest), max(self.largest, largest)


class PresentMeanAccumulator(MeanAccumulator):
    """Mean over those samples that have a value; the others do not count."""

    kind = "present_mean"

    def update(self, values: Tensor | ArrayLike, present: Tensor | ArrayLike | None = None) -> None:
        """Adds the values of the samples that have one.

        Args:
            values: of all samples, ``[batch]``.
            present: 1 for samples that have a value, else 0, ``[batch]``; by default all have.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        x = self.finite(values).ravel()
        if present is not None:
            x = x[self.finite(present).ravel() > 0]
        if x.size:
            super().update(x)


class ProportionAccumulator(MeanAccumulator):
    r"""Share of samples of value 1 among samples of value 0 or 1, with Wilson's interval.

    .. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4n^2}}{1 + z^2 / n}

    It has a width where none or all of the samples are 1 as well (Wilson, 1927).
    """

    kind = "proportion"

    @property
    def least_for_interval(self) -> int:
        """Wilson's interval is there from the first value on."""
        return 1

    def estimate(self) -> Estimate | None:
        """Share and interval, ``None`` before the first value."""
        if self.n == 0:
            return None
        share, n = float(self.mean_of("x")), self.n
        from scipy.special import ndtri

        z = float(ndtri(0.5 + CONFIDENCE / 2))
        centre, width = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        # Rounding must not leave the share outside.
        low, high = (end / (1 + z * z / n) for end in (centre - width, centre + width))
        return Estimate(share, max(min(low, share), 0.0), min(max(high, share), 1.0), n)


class RatioAccumulator(LossyAccumulator):
    r"""Ratio of two means over the same samples, :math:`r = \bar a / \bar b`.

    The interval is that of the mean of :math:`(a_i - r b_i) / \bar b` (``linksim.statistics.skewed_interval``), to
    first order the ratio's error; the extremes of these are not known, as they move with ``r``.
    """

    kind = "ratio"
    moments = ("a", "b", "aa", "ab", "bb", "aaa", "aab", "abb", "bbb")

    def update(self, numerator: Tensor | ArrayLike, denominator: Tensor | ArrayLike) -> None:
        """Adds per-sample numerators and denominators of the same shape.

        Raises:
            InputError: if a value is NaN or infinite, or the sizes differ.
        """
        a, b = self.finite(numerator).ravel(), self.finite(denominator).ravel()
        if a.size != b.size:
            raise InputError(f"metric {self.name}: got {a.size} numerators, expected {b.size}")
        self.keep(a, b)

    def parts(self, *values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Both, and parts of their products of second and third order."""
        a, b = values
        aa, ab, bb = exact_product(a[None], a), exact_product(a[None], b), exact_product(b[None], b)
        cubes = exact_product(aa, a), exact_product(aa, b), exact_product(bb, a), exact_product(bb, b)
        return a, b, aa, ab, bb, *cubes

    def estimate(self) -> Estimate | None:
        """Ratio of the means and interval, ``None`` before the first value.

        Raises:
            InputError: if the denominators sum to zero.
        """
        if self.n == 0:
            return None
        a, b, aa, ab, bb, aaa, aab, abb, bbb = (self.mean_of(moment) for moment in self.moments)
        if b == 0:
            raise InputError(f"metric {self.name}: got a denominator of mean 0, expected a positive one")
        r = a / b
        variance = (aa - 2 * r * ab + r**2 * bb) / b**2
        third = (aaa - 3 * r * aab + 3 * r**2 * abb - r**3 * bbb) / b**3
        ratio, spread = float(r), Spread(self.n, float(variance), float(third))
        return self.interval(ratio, spread, self.unseen_losses(ratio))
