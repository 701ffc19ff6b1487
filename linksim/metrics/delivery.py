"""What the feedback link does to reports, and what it takes; no value where it loses or counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.metric import METRICS, MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import MeanAccumulator


class ShareMetric(MeanMetric):
    """Share of the reports that something holds for."""

    unit = "1"
    domain = "feedback link"
    aggregation = "share of the samples, Wilson's interval"

    def accumulator(self) -> MeanAccumulator:
        """An empty share."""
        from linksim.statistics.accumulators import ProportionAccumulator

        return ProportionAccumulator(self.name)


@METRICS.register("report_error_rate")
class ReportErrorRate(ShareMetric):
    """Share of the reports that did not arrive as they were sent, whether the BS knows it or not."""

    name = "report_error_rate"
    label = "Report error rate"
    stem = "report_errors"
    meaning = "Share of the reports that did not arrive as they were sent, whether the BS knows it or not."
    better = "low"
    logarithmic = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """1 for an error, 0 for none; ``None`` for links that lose no report."""
        lost = outcome.delivery.lost
        return None if lost is None else lost.double()


@METRICS.register("undetected_error_rate")
class UndetectedErrorRate(ShareMetric):
    """Share of the reports that arrived wrong although their check passed."""

    name = "undetected_error_rate"
    label = "Undetected error rate"
    stem = "undetected_errors"
    meaning = (
        "Share of the reports that arrived wrong although their check passed, so that the BS takes them for right."
    )
    better = "low"
    logarithmic = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """1 for such an error, 0 for none; ``None`` for links that lose no report."""
        wrong = outcome.delivery.wrong
        return None if wrong is None else wrong.double()


@METRICS.register("scale_saturation_rate")
class ScaleSaturationRate(ShareMetric):
    """Share of the reports whose scale lies outside the range that training channels gave it."""

    name = "scale_saturation_rate"
    label = "Saturated scales"
    stem = "saturated_scales"
    meaning = "Share of the reports whose scale lies outside the range of training channels, and saturates."
    better = "low"
    logarithmic = True
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """1 for such a scale, 0 for none; ``None`` where no scale is sent within a range."""
        saturated = outcome.delivery.scale_saturated
        return None if saturated is None else saturated.double()


@METRICS.register("resource_elements")
class ResourceElements(MeanMetric):
    """Uplink resource elements that a report takes."""

    name = "resource_elements"
    label = "Resource elements per report"
    stem = "resources"
    meaning = "Uplink resource elements that a report takes, check bits included, pilots not."
    digits = None
    unit = "1"
    domain = "feedback link"
    aggregation = "mean over samples"

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """Resource elements of each report; ``None`` for links that count none."""
        count = outcome.delivery.resource_elements
        return None if count is None else outcome.energy_true.new_full((len(outcome.csi_true),), float(count))
