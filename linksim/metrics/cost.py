"""What a report costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.metric import METRICS, MeanMetric, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import MaximumAccumulator


class ReportCost(MeanMetric):
    """Mean of what reports take on the feedback link, a figure that is exact."""

    least = 0.0
    digits = None
    domain = "feedback link"
    aggregation = "mean over samples"


@METRICS.register("bits")
class Bits(ReportCost):
    """Bits per report that cross the link, side information included; an analogue report has none."""

    name = "bits"
    label = "Feedback per report"
    stem = "bits"
    meaning = "Bits per report that cross the feedback link, side information included; analogue reports have none."
    unit = "bit"

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Bits of each report, ``None`` for analogue ones."""
        return _bits(outcome)


@METRICS.register("bits_max")
class LongestReport(Metric["MaximumAccumulator"]):
    """Bits of the longest report, side information included; an analogue report has none."""

    name = "bits_max"
    label = "Longest report"
    stem = "bits_max"
    meaning = "Bits of the longest report among the samples, side information included."
    digits = None
    unit = "bit"
    domain = "feedback link"
    aggregation = "maximum over samples"
    on_request = True

    def accumulator(self) -> MaximumAccumulator:
        """An empty maximum."""
        from linksim.statistics.accumulators import MaximumAccumulator

        return MaximumAccumulator(self.name)

    def update(self, accumulator: MaximumAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds the reports of a batch; a maximum leaves nothing to pair."""
        bits = _bits(outcome)
        if bits is not None:
            accumulator.update(bits)
        return ()


@METRICS.register("overhead")
class Overhead(ReportCost):
    """Codeword length over the real entries of the truncated matrix."""

    name = "overhead"
    label = "Overhead"
    stem = "overhead"
    meaning = "Codeword length over the 2 Nₐ Nₜ real entries of the angular-delay matrix."
    unit = "1"

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Overhead of each report; ``None`` for reports that are bits from the start."""
        return None if outcome.overhead is None else _constant(outcome, outcome.overhead)


@METRICS.register("resource_elements")
class ResourceElements(ReportCost):
    """Uplink resource elements that a report takes."""

    name = "resource_elements"
    label = "Resource elements per report"
    stem = "resources"
    meaning = "Uplink resource elements that a report takes, check bits and pilots included."
    unit = "1"

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Resource elements of each report; ``None`` for links that count none."""
        count = outcome.delivery.resource_elements
        return None if count is None else _constant(outcome, count)


def _bits(outcome: LinkOutcome) -> Tensor | None:
    """Bits of each report, ``[batch]``, float64; ``None`` for analogue ones."""
    if outcome.bits is None or isinstance(outcome.bits, int):
        return None if outcome.bits is None else _constant(outcome, outcome.bits)
    return outcome.bits.double()


def _constant(outcome: LinkOutcome, value: float) -> Tensor:
    """The same value for each report, ``[batch]``, float64."""
    import torch

    return torch.full((len(outcome.csi_true),), value, dtype=torch.float64)
