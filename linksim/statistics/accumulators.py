"""The accumulators that metrics use: means, ratios of means, maxima, quantiles, and the legacy mean of groups in dB."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from linksim.errors import InputError
from linksim.statistics.accumulator import Accumulator, Estimate
from linksim.statistics.mean_accumulators import (
    MeanAccumulator,
    PresentMeanAccumulator,
    ProportionAccumulator,
    RatioAccumulator,
)
from linksim.statistics.quantile_accumulator import QuantileAccumulator

__all__ = [
    "CountAccumulator",
    "GroupedDecibelAccumulator",
    "MaximumAccumulator",
    "MeanAccumulator",
    "PresentMeanAccumulator",
    "ProportionAccumulator",
    "QuantileAccumulator",
    "RatioAccumulator",
    "accumulator_from_json",
]


class CountAccumulator(Accumulator):
    """How many there were: an exact number, without an interval."""

    kind = "count"
    moments = ()

    def update(self, count: int) -> None:
        """Adds a number."""
        self.n += count

    @property
    def least_for_interval(self) -> None:
        """It never has one."""
        return None

    def estimate(self) -> Estimate:
        """The number."""
        return Estimate(float(self.n), None, None, self.n)


class MaximumAccumulator(Accumulator):
    """Largest of the per-sample values; without an interval, as a sample does not bound those that are not in it."""

    kind = "maximum"
    moments = ()

    def __init__(self, name: str, *, decibel: bool = False) -> None:
        super().__init__(name, decibel=decibel)
        self.largest: float | None = None

    def update(self, values: Tensor | ArrayLike) -> None:
        """Adds per-sample values, any shape.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        x = self.finite(values)
        self.n += x.size
        self._raise_to(float(x.max()))

    def merge(self, other: Accumulator) -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric or is of another type.
        """
        super().merge(other)
        if isinstance(other, MaximumAccumulator) and other.largest is not None:
            self._raise_to(other.largest)

    @property
    def least_for_interval(self) -> None:
        """It never has one."""
        return None

    def estimate(self) -> Estimate | None:
        """The maximum, ``None`` before the first value."""
        return None if self.largest is None else Estimate(self.largest, None, None, self.n)

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write."""
        return {**super().to_json(), "largest": self.largest}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Takes over the maximum."""
        largest = document["largest"]
        if (largest is None) != (self.n == 0):
            raise ValueError(f"largest {largest} of {self.n} values")
        if largest is not None:
            self._raise_to(float(self.finite(float(largest))[0]))

    def _raise_to(self, value: float) -> None:
        self.largest = value if self.largest is None else max(self.largest, value)


class GroupedDecibelAccumulator(Accumulator):
    """Mean over groups of consecutive samples of each group's 10 log10 mean; groups may arrive in pieces.

    Biased by the group size, as a mean of logarithms is. The interval takes the groups as independent values.

    Args:
        name: metric that it belongs to.
        decibel: always ``True``; part of every accumulator.
        group_size: samples per group: group ``g`` holds the samples ``g * group_size`` and following.
    """

    kind = "grouped_decibel"
    moments = ()

    def __init__(self, name: str, *, decibel: bool = True, group_size: int = 200) -> None:
        super().__init__(name, decibel=decibel)
        self.group_size = group_size
        self.groups: dict[int, MeanAccumulator] = {}

    def update(self, values: Tensor | ArrayLike, index: int | NDArray[np.int64]) -> None:
        """Adds per-sample values ``[batch]`` of the samples with these indices, or of consecutive ones from an index.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        x = self.finite(values).ravel()
        group = (index + np.arange(x.size) if isinstance(index, int) else index) // self.group_size
        for number in np.unique(group).tolist():
            self._group(number).update(x[group == number])
        self.n += x.size

    def merge(self, other: Accumulator) -> None:
        """Adds what another accumulator of the same metric has seen.

        Raises:
            InputError: if it belongs to another metric, is of another type, or has other groups.
        """
        self.check_mergeable(other)
        if not isinstance(other, GroupedDecibelAccumulator) or other.group_size != self.group_size:
            raise InputError(f"metric {self.name}: got other groups to merge, expected groups of {self.group_size}")
        self.n += other.n
        for number, group in other.groups.items():
            self._group(number).merge(group)

    def estimate(self) -> Estimate | None:
        """Mean of the groups' dB values and interval, ``None`` before the first value."""
        levels = MeanAccumulator(self.name)
        for number in sorted(self.groups):
            level = self.groups[number].estimate()
            if level is not None and math.isinf(level.value):
                return Estimate(level.value, None, None, len(self.groups))
            if level is not None:
                levels.update(level.value)
        return levels.estimate()

    def to_json(self) -> dict[str, Any]:
        """Everything, as a mapping that ``json`` can write; sums are exact."""
        groups = {str(number): group.to_json() for number, group in sorted(self.groups.items())}
        return {**super().to_json(), "group_size": self.group_size, "groups": groups}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Takes over the groups, whose numbers of samples count."""
        self.group_size = int(document["group_size"])
        if self.group_size < 1:
            raise ValueError(f"group_size = {self.group_size}")
        parts = {int(number): MeanAccumulator.from_json(part) for number, part in document["groups"].items()}
        self.n = sum(part.n for part in parts.values())
        for number, part in parts.items():
            self._group(number).merge(part)

    def _group(self, number: int) -> MeanAccumulator:
        return self.groups.setdefault(number, MeanAccumulator(self.name, decibel=True))


_TYPES: Mapping[str, type[Accumulator]] = {
    cls.kind: cls
    for cls in (
        MeanAccumulator,
        PresentMeanAccumulator,
        ProportionAccumulator,
        RatioAccumulator,
        MaximumAccumulator,
        GroupedDecibelAccumulator,
        CountAccumulator,
        QuantileAccumulator,
    )
}


def accumulator_from_json(document: Mapping[str, Any]) -> Accumulator:
    """Reads what any accumulator's ``to_json`` wrote.

    Raises:
        InputError: if the document is not of that form.
    """
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        raise InputError(f"accumulator: got kind {kind!r}, expected one of {', '.join(_TYPES)}")
    return _TYPES[kind].from_json(document)
