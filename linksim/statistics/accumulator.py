"""The contract of Monte-Carlo accumulators: exact sums in, an estimate with a 95 % confidence interval out.

Sums are exact, so that any split of the samples into shards gives the same digits.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from linksim.errors import InputError
from linksim.statistics.exact_sum import ExactSum, add_exactly
from linksim.statistics.skewed_interval import Spread, interval_of_mean

DB_PER_NEPER = 10 / math.log(10)


@dataclass(frozen=True)
class Estimate:
    """A Monte-Carlo estimate with its 95 % confidence interval.

    Attributes:
        value: the estimate; minus infinity where 0 is expressed in dB.
        low: lower end of the interval, ``None`` where there is none (a single sample, or 0 in dB).
        high: upper end of the interval, ``None`` where there is none.
        n: independent values behind it.
    """

    value: float
    low: float | None
    high: float | None
    n: int


class Accumulator(ABC):
    """Sample moments as exact sums; merging is associative and commutative to the last bit.

    Args:
        name: metric that it belongs to, for messages.
        decibel: whether the estimate is 10 log10 of the mean.

    Attributes:
        kind: name of the accumulator's type in JSON.
        moments: names of the sums.
        n: values accumulated.
    """

    kind: ClassVar[str]
    moments: ClassVar[tuple[str, ...]]

    def __init__(self, name: str, *, decibel: bool = False) -> None:
        self.name = name
        self.decibel = decibel
        self.n = 0
        self._sums = {moment: ExactSum() for moment in self.moments}
        # Values that are not in the sums yet: adding up many at once is quicker.
        self._waiting: list[tuple[NDArray[np.float64], ...]] = []

    def keep(self, *values: NDArray[np.float64]) -> None:
        """Takes per-sample values, ``[batch]`` each, that the sums will be made of."""
        self.n += values[0].size
        # They may lie in what a caller changes later.
        self._waiting.append(tuple(each.copy() for each in values))

    def parts(self, *values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """What of kept values, ``[n]`` each, goes into the sum of each moment."""
        return values

    @property
    def sums(self) -> Mapping[str, ExactSum]:
        """By the name of a moment, its sum over all values."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            values = (np.concatenate(each) for each in zip(*waiting, strict=True))
            add_exactly([*self._sums.values()], self.parts(*values))
        return self._sums

    @abstractmethod
    def estimate(self) -> Estimate | None:
        """The estimate so far, ``None`` before the first value."""

    @property
    def least_for_interval(self) -> int | None:
        """Independent values that an interval takes at the least, ``None`` for what never has one."""
        return 2

    def merge(self, other: "Accumulator") -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric or is of another type.
        """
        self.check_mergeable(other)
        self.n += other.n
        self._waiting += other._waiting
        for moment, total in self._sums.items():
            total.merge(other._sums[moment])

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write; sums are exact."""
        sums = {moment: total.to_json() for moment, total in self.sums.items()}
        return {"kind": self.kind, "name": self.name, "decibel": self.decibel, "n": self.n, "sums": sums}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Reads what ``to_json`` wrote.

        Raises:
            InputError: if the document is not of that form.
        """
        try:
            if document["kind"] != cls.kind or int(document["n"]) < 0:
                raise ValueError(f"kind {document['kind']!r} with n = {document['n']}")
            accumulator = cls(str(document["name"]), decibel=bool(document["decibel"]))
            accumulator.n = int(document["n"])
            accumulator._sums = {moment: ExactSum.from_json(document["sums"][moment]) for moment in cls.moments}
            accumulator.restore(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"accumulator: got {error}, expected what a {cls.kind} accumulator writes") from None
        return accumulator

    def restore(self, document: Mapping[str, Any]) -> None:  # noqa: B027 - some keep nothing else
        """Takes over what a kind of accumulator keeps beside its count and sums; nothing here.

        Raises:
            InputError: as ``from_json``, which makes one of KeyError, TypeError, ValueError and AttributeError as well.
        """

    def check_mergeable(self, other: "Accumulator") -> None:
        """Refuses another metric's accumulator, or one of another type.

        Raises:
            InputError: if it is one.
        """
        mine, theirs = (self.kind, self.name, self.decibel), (other.kind, other.name, other.decibel)
        if mine != theirs:
            raise InputError(f"accumulators: got {theirs} to merge into {mine}, expected the same metric and type")

    def mean_of(self, moment: str) -> Fraction:
        """Exact mean of one moment."""
        return Fraction(self.sums[moment].units, self.n << 1074)

    def interval(self, mean: float, spread: Spread, beyond: float | None = None) -> Estimate:
        """As ``interval``; what is wrong with the mean names the metric."""
        if self.decibel and mean < 0:
            raise InputError(f"metric {self.name}: got a mean of {mean:g} for decibels, expected linear values above 0")
        return interval(mean, spread, decibel=self.decibel, beyond=beyond)

    def finite(self, values: Tensor | ArrayLike) -> NDArray[np.float64]:
        """Values as float64, at least ``[1]``.

        Raises:
            InputError: if one is NaN or infinite, or so large that its cube is.
        """
        if isinstance(values, Tensor):
            values = values.detach().to("cpu", torch.float64).numpy()
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
        wrong = ~(np.abs(array) < 1e100)
        if wrong.any():
            raise InputError(f"metric {self.name}: got {array[wrong][0]} for a sample, expected a finite number")
        return array


def interval(mean: float, spread: Spread, *, decibel: bool, beyond: float | None = None) -> Estimate:
    r"""Estimate from a mean and how the values lie about it (``linksim.statistics.skewed_interval``).

    In dB the ends are the decibel values of the linear ones. A lower end below half the mean, which may even be
    negative, follows the tangent of the logarithm at half the mean, and so stays finite.

    Args:
        mean: the mean, linear.
        spread: how the values lie about it.
        decibel: whether the estimate is 10 log10 of the mean.
        beyond: a value that the interval has to reach at least, linear.
    """
    n = spread.n
    if decibel and mean < 0:
        raise InputError(f"decibel: got a mean of {mean:g}, expected none below 0")
    if decibel and mean == 0:
        return Estimate(-math.inf, None, None, n)
    value = 10 * math.log10(mean) if decibel else mean
    if n < 2:
        return Estimate(value, None, None, n)
    low, high = interval_of_mean(spread)
    if beyond is not None:
        low, high = min(low, beyond - mean), max(high, beyond - mean)
    if decibel:
        half = min(low / mean + 0.5, 0.0)
        below = math.log1p(max(low / mean, -0.5)) + half / 0.5
        return Estimate(value, value + DB_PER_NEPER * below, value + DB_PER_NEPER * math.log1p(high / mean), n)
    return Estimate(value, mean + low, mean + high, n)
