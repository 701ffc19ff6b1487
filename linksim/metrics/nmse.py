"""Normalised mean square errors of what the BS rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.matrix_norms import energy
from linksim.metrics.metric import METRICS, MeanMetric, Metric, RatioMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import GroupedDecibelAccumulator

# Test batch of the public CRNet code.
LEGACY_BATCH = 200


def _relative_error(outcome: LinkOutcome) -> Tensor:
    """Squared error of the truncated matrix over its energy, ``[batch]``, float64."""
    return energy(outcome.csi_true - outcome.rebuilt) / outcome.energy_true


@METRICS.register("nmse_db")
class NmseDb(MeanMetric):
    r"""NMSE of the truncated matrix, relative to each sample's energy before the mean (CsiNet).

    .. math:: 10 \log_{10} E[\lVert X - \hat X \rVert^2 / \lVert X \rVert^2]
    """

    name = "nmse_db"
    label = "NMSE"
    stem = "nmse"
    meaning = (
        "Normalised mean square error of the truncated angular-delay matrix against the true one, "
        "10 log10 E[‖Hₐ \N{MINUS SIGN} Ĥₐ‖² / ‖Hₐ‖²]. Mean over the samples first, decibel last."
    )
    better = "low"
    needs_channel = True
    digits = 2
    unit = "dB"
    domain = "angular-delay, truncated"
    aggregation = "10 log10 of the mean over samples of the error relative to the sample's energy"
    without_report = 1.0

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Squared error over the sample's energy."""
        return _relative_error(outcome)


@METRICS.register("nmse_ratio_db")
class NmseRatioDb(RatioMetric):
    r"""NMSE of the truncated matrix as a ratio of expectations.

    .. math:: 10 \log_{10} (E\lVert X - \hat X \rVert^2 / E\lVert X \rVert^2)
    """

    name = "nmse_ratio_db"
    label = "NMSE, ratio of means"
    stem = "nmse_ratio"
    meaning = "Ratio of expectations in the angular-delay domain, 10 log10 (E‖Hₐ \N{MINUS SIGN} Ĥₐ‖² / E‖Hₐ‖²)."
    better = "low"
    needs_channel = True
    digits = 2
    unit = "dB"
    domain = "angular-delay, truncated"
    aggregation = "10 log10 of the mean error over samples over the mean energy over samples"
    without_report = 1.0

    def per_sample(self, outcome: LinkOutcome) -> tuple[Tensor, Tensor]:
        """Squared error, and energy."""
        return energy(outcome.csi_true - outcome.rebuilt), outcome.energy_true


@METRICS.register("nmse_db_batchmean")
class NmseDbBatchMean(Metric["GroupedDecibelAccumulator"]):
    """Legacy NMSE of CRNet's public code: mean of the dB values of batches of 200; depends on the batch size."""

    name = "nmse_db_batchmean"
    label = "NMSE, mean of batches"
    stem = "nmse_batchmean"
    meaning = (
        f"Mean of the decibel values of batches of {LEGACY_BATCH} samples, as public CRNet code has it; depends on how "
        "samples are batched."
    )
    better = "low"
    needs_channel = True
    digits = 2
    unit = "dB"
    domain = "angular-delay, truncated"
    aggregation = f"mean over groups of {LEGACY_BATCH} consecutive samples of 10 log10 of the group's mean"
    on_request = True

    def accumulator(self) -> GroupedDecibelAccumulator:
        """An empty mean over groups."""
        from linksim.statistics.accumulators import GroupedDecibelAccumulator

        return GroupedDecibelAccumulator(self.name, group_size=LEGACY_BATCH)

    def update(self, accumulator: GroupedDecibelAccumulator, outcome: LinkOutcome) -> tuple[Tensor, ...]:
        """Adds a batch; samples are grouped by their index, however they are batched."""
        values = _relative_error(outcome)
        accumulator.update(values, outcome.indices)
        return (values,)


@METRICS.register("nmse_e2e_db")
class NmseEndToEndDb(MeanMetric):
    r"""NMSE of the full response at the time of use: estimation, truncation, feedback and ageing together.

    By Parseval's theorem :math:`\lVert H - \hat H \rVert^2 = \lVert X - \hat X \rVert^2 + \lVert H \rVert^2 -
    \lVert X \rVert^2` with ``X`` the truncated matrix of ``H``. The difference of energies is exact to about -70 dB.
    """

    name = "nmse_e2e_db"
    label = "End-to-end NMSE"
    stem = "nmse_e2e"
    meaning = (
        "NMSE of the full spatial-frequency channel against the true channel at the time of use: estimation error, "
        "truncation, feedback and ageing together. Mean over the samples first, decibel last."
    )
    better = "low"
    needs_channel = True
    digits = 2
    unit = "dB"
    domain = "spatial-frequency, time of use"
    aggregation = "10 log10 of the mean over samples of the error relative to the sample's energy"
    without_report = 1.0

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Squared error over the sample's energy."""
        energy_cut = (outcome.true_use.energy - energy(outcome.csi_use)).clamp(min=0)
        return (energy(outcome.csi_use - outcome.predicted) + energy_cut) / outcome.true_use.energy
