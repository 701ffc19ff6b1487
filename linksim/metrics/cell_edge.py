"""Rates at the edge of a cell: what 95 % of the UEs have at least, under the same conditions.

They tell UEs apart where each has an SNR of its own (`link_budget`), and where users of a cell share its power.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from linksim.metrics.metric import METRICS, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.quantile_accumulator import QuantileAccumulator


class FifthPercentile(Metric["QuantileAccumulator"]):
    """5th percentile over the UEs of a rate, with an interval of order statistics."""

    least = 0.0
    digits = 3
    unit = "bit/s/Hz"
    better = "high"
    domain = "spatial-frequency, time of use"
    aggregation = "mean over subcarriers, then 5th percentile over UEs"
    on_request = True
    share: ClassVar[float] = 0.05

    def accumulator(self) -> QuantileAccumulator:
        """An empty quantile."""
        from linksim.statistics.quantile_accumulator import QuantileAccumulator

        return QuantileAccumulator(self.name, share=self.share)

    def update(self, accumulator: QuantileAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds the UEs of a batch; a percentile leaves nothing to pair."""
        values = self.per_ue(outcome)
        if values.numel():
            accumulator.update(values)
        return ()

    @abstractmethod
    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Rate of each UE, any shape, float64."""


@METRICS.register("rate_p5_bps_hz")
class RateAtTheEdge(FifthPercentile):
    """5th percentile of the rate of one layer with the reported channel."""

    name = stem = "rate_p5_bps_hz"
    label = "5 % rate"
    meaning = (
        "5th percentile over the UEs of the rate with a precoder computed from the reported channel, averaged over "
        "subcarriers; each UE is served alone."
    )

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.rate


@METRICS.register("rate_perfect_p5_bps_hz")
class RatePerfectAtTheEdge(FifthPercentile):
    """5th percentile of the rate of one layer with perfect CSI."""

    name = stem = "rate_perfect_p5_bps_hz"
    label = "5 % rate with perfect CSI"
    meaning = "5th percentile over the UEs of the rate with a precoder computed from the true channel."
    needs_reconstruction = False

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.rate_perfect


@METRICS.register("throughput_p5_bps_hz")
class ThroughputAtTheEdge(FifthPercentile):
    """5th percentile of the throughput."""

    name = stem = "throughput_p5_bps_hz"
    label = "5 % throughput"
    reads = frozenset({"link_adaptation", "overhead"})
    meaning = (
        "5th percentile over the UEs of the bits that arrive per resource element, with the MCS that the BS takes for "
        "the UE's CQI; each UE is served alone."
    )
    aggregation = "5th percentile over UEs"

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Expected over the noise."""
        return outcome.transmission.throughput


@METRICS.register("throughput_perfect_p5_bps_hz")
class ThroughputPerfectAtTheEdge(FifthPercentile):
    """5th percentile of the throughput with precoder and CQI from the true channel."""

    name = stem = "throughput_perfect_p5_bps_hz"
    label = "5 % throughput with perfect CSI"
    reads = frozenset({"link_adaptation", "overhead"})
    meaning = "5th percentile over the UEs of the throughput with precoder and CQI computed from the true channel."
    aggregation = "5th percentile over UEs"
    needs_reconstruction = False

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Expected over the noise."""
        return outcome.transmission_perfect.throughput


_OF_USERS = (
    "5th percentile over the users of all cells of the rate of each among those that share all resources, 0 where it "
    "is not served. The interval takes the users of a cell for independent."
)


@METRICS.register("user_rate_p5_bps_hz")
class UserRateAtTheEdge(FifthPercentile):
    """5th percentile of the rate of users that share a cell, with beams from what they reported."""

    name = stem = "user_rate_p5_bps_hz"
    label = "5 % user rate"
    reads = frozenset({"multi_user", "link_adaptation", "overhead"})
    meaning = _OF_USERS

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Of each user of a whole cell."""
        return outcome.user_rates


@METRICS.register("user_rate_perfect_p5_bps_hz")
class UserRatePerfectAtTheEdge(FifthPercentile):
    """5th percentile of the rate of users that share a cell, with beams from the true channels."""

    name = stem = "user_rate_perfect_p5_bps_hz"
    label = "5 % user rate with perfect CSI"
    reads = frozenset({"multi_user", "link_adaptation", "overhead"})
    meaning = f"With directions of the true channels: {_OF_USERS[0].lower()}{_OF_USERS[1:]}"
    needs_reconstruction = False

    def per_ue(self, outcome: LinkOutcome) -> Tensor:
        """Of each user of a whole cell."""
        return outcome.user_rates_perfect
