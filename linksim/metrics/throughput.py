"""Throughput with NR's modulation and coding, chosen by the UE's CQI: what a link carries where rates are bounds.

The UE computes its CQI from the channel that it has estimated, without the noise of that estimate, and the precoder
that its report stands for.
The BS takes the MCS of it and sends a block over the whole band, whose error rate follows from the effective SINR
behind an MMSE receiver on the channel at the time of use, which the receiver knows, or has estimated. All are
expectations over the noise: nothing is drawn but the receiver's errors, and acknowledgements for an outer loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.cell_edge import ThroughputAtTheEdge, ThroughputPerfectAtTheEdge
from linksim.metrics.metric import METRICS, MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome


class ThroughputMetric(MeanMetric):
    """Mean of what comes of a block of the whole band at the time of use."""

    least = 0.0
    digits = 3
    domain = "spatial-frequency, time of use"
    aggregation = "mean over samples"
    on_request = True
    reads = frozenset({"link_adaptation", "overhead"})
    results_version = 3


@METRICS.register("throughput_bps_hz")
class Throughput(ThroughputMetric):
    """Bits that arrive per resource element, with the MCS that the BS takes for the UE's CQI."""

    name = "throughput_bps_hz"
    label = "Throughput"
    stem = "throughput"
    meaning = (
        "Bits of information that arrive per resource element, those of CSI-RS and DM-RS included, with a block over "
        "the whole band and the MCS that the BS takes for the UE's CQI; retransmissions as `link_adaptation` says."
    )
    better = "high"
    unit = "bit/s/Hz"
    without_report = 0.0

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Expected over the noise."""
        return outcome.transmission.throughput


@METRICS.register("throughput_perfect_bps_hz")
class ThroughputPerfect(ThroughputMetric):
    """Throughput with precoder and CQI from the true channel when it is used."""

    name = "throughput_perfect_bps_hz"
    label = "Throughput with perfect CSI"
    stem = "throughput_perfect"
    meaning = "Throughput with precoder and CQI computed from the true channel at the time of use."
    unit = "bit/s/Hz"
    needs_reconstruction = False

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Expected over the noise."""
        return outcome.transmission_perfect.throughput


@METRICS.register("bler")
class BlockErrorRate(ThroughputMetric):
    """Share of blocks whose first transmission fails."""

    name = stem = "bler"
    label = "Block error rate"
    meaning = "Share of blocks whose first transmission fails; `link_adaptation.target_bler` is what the CQI promises."
    better = "low"
    most = 1.0
    unit = "1"
    without_report = 1.0

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Expected over the noise."""
        return outcome.transmission.bler


@METRICS.register("mcs")
class MeanMcs(ThroughputMetric):
    """MCS index that the BS takes."""

    name = stem = "mcs"
    label = "MCS"
    meaning = "MCS index that the BS takes for the UE's CQI, of the table `link_adaptation.mcs_table`."
    digits = 2
    unit = "1"
    domain = "time of use"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Of each sample."""
        return outcome.transmission.mcs.double()


# Those that need a CQI, and all that look at blocks.
ADAPTED_METRICS = frozenset({Throughput.name, BlockErrorRate.name, MeanMcs.name, ThroughputAtTheEdge.name})
THROUGHPUT_METRICS = ADAPTED_METRICS | {ThroughputPerfect.name, ThroughputPerfectAtTheEdge.name}
