"""What the feedback link does to reports; no value where it loses none."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from linksim.metrics.metric import METRICS, MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.delivered import Delivery
    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import MeanAccumulator


class FailureRate(MeanMetric):
    """Share of the reports that something went wrong with, each 1 or 0; no value where that cannot happen."""

    better = "low"
    logarithmic = True
    least = 0.0
    most = 1.0
    unit = "1"
    domain = "feedback link"
    aggregation = "share of the samples, Wilson's interval"

    def accumulator(self) -> MeanAccumulator:
        """An empty share."""
        from linksim.statistics.accumulators import ProportionAccumulator

        return ProportionAccumulator(self.name)

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """1 for a report that failed, 0 for the others; ``None`` where none can."""
        failed = self.failed(outcome.delivery)
        return None if failed is None else failed.double()

    @abstractmethod
    def failed(self, delivery: Delivery) -> Tensor | None:
        """Which reports failed, ``[batch]``, bool; ``None`` where none can."""


@METRICS.register("report_error_rate")
class ReportErrorRate(FailureRate):
    """Share of the reports that did not arrive as they were sent, whether the BS knows it or not."""

    name = "report_error_rate"
    label = "Report error rate"
    stem = "report_errors"
    meaning = "Share of the reports that did not arrive as they were sent, whether the BS knows it or not."

    def failed(self, delivery: Delivery) -> Tensor | None:
        """Those erased or wrong; ``None`` for links that lose no report."""
        return delivery.lost


@METRICS.register("undetected_error_rate")
class UndetectedErrorRate(FailureRate):
    """Share of the reports that arrived wrong although their check passed."""

    name = "undetected_error_rate"
    label = "Undetected error rate"
    stem = "undetected_errors"
    meaning = (
        "Share of the reports that arrived wrong although their check passed, so that the BS takes them for right."
    )

    def failed(self, delivery: Delivery) -> Tensor | None:
        """Those that are wrong and not erased; ``None`` for links that lose no report."""
        return delivery.wrong


@METRICS.register("scale_saturation_rate")
class ScaleSaturationRate(FailureRate):
    """Share of the reports whose scale lies outside the range that training channels gave it."""

    name = "scale_saturation_rate"
    label = "Saturated scales"
    stem = "saturated_scales"
    meaning = "Share of the reports whose scale lies outside the range of training channels, and saturates."
    on_request = True

    def failed(self, delivery: Delivery) -> Tensor | None:
        """Those whose scale saturates; ``None`` where no scale is sent within a range."""
        return delivery.scale_saturated


@METRICS.register("data_report_rate")
class DataReportRate(FailureRate):
    """Share of the reports that data carried and not control information."""

    name = "data_report_rate"
    label = "Reports as data"
    stem = "reports_as_data"
    meaning = "Share of the reports over the coded uplink that data carried, by the LDPC code, and not UCI."
    logarithmic = False
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor | None:
        """1 where data carried the report, else 0; ``None`` for links without such a difference."""
        import torch

        carried = outcome.delivery.carried_as_data
        return None if carried is None else torch.full((len(outcome.csi_true),), float(carried), dtype=torch.float64)

    def failed(self, delivery: Delivery) -> Tensor | None:
        """None: a report arrives as well either way."""
        return None
