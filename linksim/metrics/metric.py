"""The contract of every metric, and their registry."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from class_registry import ClassRegistry

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulator import Accumulator, Estimate
    from linksim.statistics.accumulators import MeanAccumulator, RatioAccumulator

METRICS: ClassRegistry[Metric[Any]] = ClassRegistry(unique=True)

AccumulatorType = TypeVar("AccumulatorType", bound="Accumulator")


class Metric(ABC, Generic[AccumulatorType]):
    """One figure of merit. All matrices are complex and centred.

    Attributes:
        name: name in the results, the registry's.
        unit: unit of the estimate.
        domain: where the compared quantities live.
        aggregation: how samples become one figure.
        needs_reconstruction: whether it depends on what the BS rebuilt, and so on the compressor.
        needs_channel: whether that has to be a channel: it is not defined for a compressor that reports a precoder.
        partial: whether it is not defined for every compressor, for that reason or another; tables then say so.
        on_request: whether it is left out unless a scenario asks for it.
        label: name in figures and tables, without the unit.
        stem: start of the names of its figures' files.
        meaning: definition, domain and aggregation for a reader of a report, one sentence or two.
        better: which end is good, ``None`` where neither is.
        digits: decimals in tables, ``None`` for figures that are exact.
        logarithmic: whether figures show it on a logarithmic scale, zeros left out.
        reads: sections of a scenario that its value may depend on, of those that metrics alone read:
            ``link_adaptation``, ``multi_user`` and ``overhead``; a section that no metric of a scenario reads is a
            warning.
        results_version: raised when the same outcome gets another value.
        least: below which no estimate can be, in its unit, so that no interval reaches there; ``None`` for no bound.
        most: above which none can be.
        without_report: linear value of a sample of whose channel the BS knows nothing, at which an interval allows for
            lost reports that it has not met; ``None`` where there is none.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    stem: ClassVar[str]
    meaning: ClassVar[str]
    better: ClassVar[Literal["low", "high"] | None] = None
    digits: ClassVar[int | None] = 4
    logarithmic: ClassVar[bool] = False
    reads: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str]
    domain: ClassVar[str]
    aggregation: ClassVar[str]
    needs_reconstruction: ClassVar[bool] = True
    needs_channel: ClassVar[bool] = False
    partial: ClassVar[bool] = False
    on_request: ClassVar[bool] = False
    results_version: ClassVar[int] = 1
    least: ClassVar[float | None] = None
    most: ClassVar[float | None] = None
    without_report: ClassVar[float | None] = None

    def __init_subclass__(cls, **keywords: object) -> None:
        """What needs a channel is not defined for every compressor."""
        super().__init_subclass__(**keywords)
        cls.partial = cls.partial or cls.needs_channel

    @abstractmethod
    def accumulator(self) -> AccumulatorType:
        """An empty accumulator of this metric."""

    @classmethod
    def within_bounds(cls, estimate: Estimate) -> Estimate:
        """An estimate whose interval, which of few samples is wide, ends where the metric does."""
        least = -math.inf if cls.least is None else cls.least
        most = math.inf if cls.most is None else cls.most
        if estimate.low is None or estimate.high is None:
            return estimate
        return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))

    @abstractmethod
    def update(self, accumulator: AccumulatorType, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds a batch; nothing where the metric has no value, as bits of an analogue report.

        Returns:
            What was added, ``[batch]`` each, for comparisons that pair samples; empty where there is nothing.

        Raises:
            InputError: if a sample's value is NaN or infinite.
        """


class MeanMetric(Metric["MeanAccumulator"]):
    """Mean over the samples of a per-sample value, in dB where the unit says so."""

    def accumulator(self) -> MeanAccumulator:
        """An empty mean."""
        from linksim.statistics.accumulators import MeanAccumulator

        return MeanAccumulator(self.name, decibel=self.unit == "dB", without_report=self.without_report)

    def update(self, accumulator: MeanAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds the per-sample values of a batch, if the metric has any."""
        values = self.per_sample(outcome)
        if values is None:
            return ()
        _check_values(self.name, values, outcome)
        accumulator.update(values)
        accumulator.note_losses(outcome.delivery.lost)
        return (values,)

    @abstractmethod
    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """One linear value per sample, ``[batch]``, float64; ``None`` where the metric has no value."""


class RatioMetric(Metric["RatioAccumulator"]):
    """Ratio of two means over the samples, in dB where the unit says so."""

    def accumulator(self) -> RatioAccumulator:
        """An empty ratio."""
        from linksim.statistics.accumulators import RatioAccumulator

        return RatioAccumulator(self.name, decibel=self.unit == "dB", without_report=self.without_report)

    def update(self, accumulator: RatioAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds the numerators and denominators of a batch."""
        values = self.per_sample(outcome)
        for each in values:
            _check_values(self.name, each, outcome)
        accumulator.update(*values)
        accumulator.note_losses(outcome.delivery.lost)
        return values

    @abstractmethod
    def per_sample(self, outcome: LinkOutcome) -> tuple[Tensor, Tensor]:
        """Numerator and denominator of every sample, ``[batch]`` each, float64."""


def _check_values(name: str, values: object, outcome: LinkOutcome) -> None:
    """Refuses what is no number for each sample of a batch, as of a metric of a user's own."""
    from torch import Tensor

    from linksim.errors import InputError

    count = len(outcome.response_use)
    if not isinstance(values, Tensor):
        raise InputError(
            f"metric {name}: got {type(values).__name__}, expected a tensor [{count}] of each sample's value"
        )
    if values.shape != (count,):
        raise InputError(f"metric {name}: got shape {list(values.shape)}, expected a value for each sample, [{count}]")
