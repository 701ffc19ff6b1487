"""What happens before any compressor: estimation error, and energy outside the kept delays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.matrix_norms import energy
from linksim.metrics.metric import METRICS, MeanMetric, Metric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import CountAccumulator

SAMPLES_LEFT_OUT = "samples_left_out"


def _share_kept(outcome: LinkOutcome) -> Tensor:
    """Share of each sample's energy in the delay rows kept, ``[batch]``, float64."""
    # Rounding may leave the truncated matrix with a little more than everything.
    return (outcome.energy_true / outcome.true_report.energy).clamp(max=1)


class LossBeforeReport(MeanMetric):
    """Error that the UE's channel has before it is compressed, relative to the channel's energy."""

    digits = 2
    unit = "dB"
    domain = "spatial-frequency, time of report"
    needs_reconstruction = False


@METRICS.register("estimation_nmse_db")
class EstimationNmseDb(LossBeforeReport):
    """NMSE of the channel estimate at the UE."""

    name = "estimation_nmse_db"
    label = "Estimation NMSE"
    stem = "estimation_nmse"
    meaning = (
        "NMSE of the channel estimate at the UE, spatial-frequency domain. Mean over the samples first, decibel last."
    )
    aggregation = "10 log10 of the mean over samples of the error relative to the sample's energy"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Squared error over the sample's energy."""
        return energy(outcome.response_estimated - outcome.response_report) / outcome.true_report.energy


@METRICS.register("truncation_nmse_db")
class TruncationNmseDb(LossBeforeReport):
    """NMSE of cutting off the delays beyond the first rows."""

    name = "truncation_nmse_db"
    label = "Truncation NMSE"
    stem = "truncation_nmse"
    meaning = (
        "Error of keeping the first delay rows only, spatial-frequency domain. Mean over the samples first, decibel "
        "last."
    )
    aggregation = "10 log10 of the mean over samples of the share of energy cut off"

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Share of the energy cut off."""
        return 1 - _share_kept(outcome)


@METRICS.register("energy_kept")
class EnergyKept(MeanMetric):
    """Share of the channel's energy in the delay rows kept."""

    name = "energy_kept"
    label = "Energy kept"
    stem = "energy_kept"
    meaning = "Share of the channel energy in the kept delay rows."
    least = 0.0
    most = 1.0
    unit = "1"
    domain = "angular-delay"
    aggregation = "mean over samples"
    needs_reconstruction = False

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Share of the energy kept."""
        return _share_kept(outcome)


@METRICS.register(SAMPLES_LEFT_OUT)
class SamplesLeftOut(Metric["CountAccumulator"]):
    """Samples without energy, which no other metric counts."""

    name = SAMPLES_LEFT_OUT
    label = "Samples left out"
    stem = "left_out"
    meaning = "Test channels without energy, such as those of blocked users, which no other figure counts."
    digits = None
    unit = "1"
    domain = "spatial-frequency, time of report and of use"
    aggregation = "number of samples"
    needs_reconstruction = False
    on_request = True

    def accumulator(self) -> CountAccumulator:
        """An empty count."""
        from linksim.statistics.accumulators import CountAccumulator

        return CountAccumulator(self.name)

    def update(self, accumulator: CountAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Counts the samples left out of a batch; they have no values."""
        accumulator.update(len(outcome.left_out))
        return ()
