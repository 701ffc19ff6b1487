"""Spectral efficiency with the precoder that the BS computes from what it holds.

Noise is relative to unit mean channel power per antenna and the weights have unit power, so that the rate of
subcarrier ``n`` is log2(1 + SNR |H_n w_n|^2), the UE's antennas combined by maximum ratio: that of one layer, the
first of those that a report has. The sum rate is that of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from linksim.metrics.metric import METRICS, MeanMetric, RatioMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome


class RateMetric(MeanMetric):
    """Mean of a rate over the subcarriers and samples, on the true channel when the precoder is used."""

    least: ClassVar[float | None] = 0.0
    digits = 3
    unit = "bit/s/Hz"
    domain = "spatial-frequency, time of use"
    aggregation = "mean over subcarriers and samples"


class ReportedRate(RateMetric):
    """Rate with the BS's precoder, nothing where the BS knows nothing of the channel."""

    better = "high"
    without_report = 0.0


@METRICS.register("rate_bps_hz")
class Rate(ReportedRate):
    """Rate with the precoder from the rebuilt channel, on the true channel when it is used."""

    name = "rate_bps_hz"
    label = "Rate"
    stem = "rate"
    meaning = (
        "Rate of the true channel at the time of use with a unit-power precoder computed from the reported channel, "
        "averaged over subcarriers and samples; channel power normalised to 1 per antenna."
    )

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.rate


@METRICS.register("rate_net_bps_hz")
class NetRate(ReportedRate):
    """Rate less what CSI-RS and DM-RS take of the resource elements."""

    name = "rate_net_bps_hz"
    label = "Net rate"
    reads = frozenset({"overhead"})
    stem = "rate_net"
    meaning = (
        "Rate with the reported channel times the share of the downlink's resource elements that CSI-RS and DM-RS "
        "leave for data; cyclic prefixes and control channels are not taken off."
    )

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers, times the share."""
        return outcome.rate * outcome.data_share


@METRICS.register("sum_rate_bps_hz")
class SumRate(ReportedRate):
    r"""Rate of all layers of the precoder together, on the true channel when it is used.

    .. math:: \sum_l \log_2 (1 + \mathrm{SINR}_l)

    behind a linear MMSE receiver, with the power shared equally among the layers. Of a reported precoder the layers are
    those of the report; from a channel the BS takes as many eigenvectors of each subband as it expects the largest sum
    rate of, up to four or the UE's antennas.
    """

    name = "sum_rate_bps_hz"
    label = "Sum rate"
    reads = frozenset({"link_adaptation"})
    stem = "sum_rate"
    meaning = (
        "Rate of all layers of the precoder together behind an MMSE receiver, with equal power on each, of the true "
        "channel at the time of use, averaged over subcarriers and samples; a BS that knows a channel takes as many "
        "layers as it expects most of."
    )
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.sum_rate


@METRICS.register("sum_rate_perfect_bps_hz")
class SumRatePerfect(RateMetric):
    """Rate of all layers with the precoder from the true channel when it is used."""

    name = "sum_rate_perfect_bps_hz"
    label = "Sum rate with perfect CSI"
    reads = frozenset({"link_adaptation"})
    stem = "sum_rate_perfect"
    meaning = (
        "Rate of all layers with the eigenvectors of each subband's true covariance at the time of use, as many as the "
        "rate is largest with."
    )
    needs_reconstruction = False
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.sum_rate_perfect


@METRICS.register("rank")
class MeanRank(MeanMetric):
    """Layers that the BS sends: those reported, or as many as it expects the largest sum rate of."""

    name = "rank"
    label = "Rank"
    reads = frozenset({"link_adaptation"})
    stem = "rank"
    meaning = (
        "Layers of the precoder that the BS uses, averaged over the samples: those of a report, or of a channel as "
        "many as the BS expects the largest sum rate of."
    )
    least = 1.0
    digits = 2
    unit = "1"
    domain = "time of use"
    aggregation = "mean over samples"
    on_request = True

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Layers of each precoder."""
        from linksim.metrics.layers import layer_counts

        return layer_counts(outcome.layers).double()


@METRICS.register("rate_loss_bps_hz")
class RateLoss(RateMetric):
    """Rate with perfect CSI less rate, paired by sample."""

    name = "rate_loss_bps_hz"
    label = "Rate loss"
    stem = "rate_loss"
    meaning = "Rate with perfect CSI less the rate with the reported channel, paired by sample."
    better = "low"
    least = None
    aggregation = "mean over subcarriers and samples of the paired difference"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Difference of the means over the subcarriers."""
        return outcome.rate_perfect - outcome.rate


@METRICS.register("rate_ratio")
class RateRatio(RatioMetric):
    """Mean rate over the mean rate with perfect CSI."""

    name = "rate_ratio"
    label = "Rate / rate with perfect CSI"
    stem = "rate_ratio"
    meaning = "Mean rate with the reported channel over the mean rate with perfect CSI."
    better = "high"
    least = 0.0
    unit = "1"
    domain = "spatial-frequency, time of use"
    aggregation = "ratio of the means over subcarriers and samples"
    without_report = 0.0

    def per_sample(self, outcome: LinkOutcome) -> tuple[Tensor, Tensor]:
        """Rate, and rate with perfect CSI."""
        return outcome.rate, outcome.rate_perfect


@METRICS.register("rate_perfect_bps_hz")
class RatePerfect(RateMetric):
    """Rate with the precoder from the true channel when it is used."""

    name = "rate_perfect_bps_hz"
    label = "Rate with perfect CSI"
    stem = "rate_perfect"
    meaning = "Rate with the precoder computed from the true channel at the time of use."
    needs_reconstruction = False

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Mean over the subcarriers."""
        return outcome.rate_perfect
