"""Quantiles over the samples, with intervals of order statistics."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from linksim.statistics.accumulator import Accumulator, Estimate
from linksim.statistics.skewed_interval import CONFIDENCE


class QuantileAccumulator(Accumulator):
    r"""A quantile of per-sample values, which are all kept; linear between the two nearest.

    The interval is :math:`[X_{(l)}, X_{(u)}]`, free of any distribution (H. A. David and H. N. Nagaraja, Order
    Statistics, 3rd ed., 7.1, DOI 10.1002/0471722162): with ``B`` binomial of ``n`` and the share ``q``, it holds the
    quantile with probability :math:`P(l \le B < u)`; each tail has at most half of 5 %. Too few samples have none: 72
    are the least for a share of 5 %.

    Args:
        name: metric that it belongs to.
        decibel: whether the estimate is in dB; part of every accumulator.
        share: share of values that lie below the quantile.

    Attributes:
        values: all so far, in any order, ``[n]``, float64.
    """

    kind = "quantile"
    moments = ()

    def __init__(self, name: str, *, decibel: bool = False, share: float = 0.05) -> None:
        super().__init__(name, decibel=decibel)
        self.share = share
        self.values: NDArray[np.float64] = np.empty(0)

    def update(self, values: Tensor | ArrayLike) -> None:
        """Adds per-sample values, any shape.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        self._extend(self.finite(values).ravel())

    def merge(self, other: Accumulator) -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric or is of another type.
        """
        self.check_mergeable(other)
        if isinstance(other, QuantileAccumulator):
            self._extend(other.values)

    def estimate(self) -> Estimate | None:
        """Quantile and interval, ``None`` before the first value."""
        if self.n == 0:
            return None
        ordered, value = np.sort(self.values), float(np.quantile(self.values, self.share))
        ranks = _ranks(self.n, self.share)
        if ranks is None:
            return Estimate(value, None, None, self.n)
        low, high = (float(ordered[rank - 1]) for rank in ranks)
        return Estimate(value, low, high, self.n)

    @property
    def least_for_interval(self) -> int:
        """With fewer values all of them lie above the quantile, or below, too often."""
        return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(max(self.share, 1 - self.share)))

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write; the values in ascending order."""
        return {**super().to_json(), "share": self.share, "values": np.sort(self.values).tolist()}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Takes over the values."""
        self.share, count = float(document["share"]), self.n
        if not 0 < self.share < 1:
            raise ValueError(f"share = {self.share}")
        values = [float(value) for value in document["values"]]
        if len(values) != count:
            raise ValueError(f"{len(values)} values with n = {count}")
        self.n = 0
        if values:
            self.update(values)

    def _extend(self, values: NDArray[np.float64]) -> None:
        self.values = np.concatenate([self.values, values])
        self.n = len(self.values)


def _ranks(n: int, share: float) -> tuple[int, int] | None:
    """Ranks from 1 of the order statistics that an interval ends at; ``None`` where there is none that far out."""
    from scipy.special import bdtr

    below = bdtr(np.arange(n + 1), n, share)
    tail = (1 - CONFIDENCE) / 2
    low, high = int(np.searchsorted(below, tail, side="right")), int(np.searchsorted(below, 1 - tail)) + 1
    return (low, high) if low >= 1 and high <= n else None
