"""Coverage: how well UEs hear their cell before anything is done for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linksim.metrics.metric import METRICS, MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from linksim.metrics.outcome import LinkOutcome
    from linksim.statistics.accumulators import MeanAccumulator


@METRICS.register("ue_snr_db")
class UeSnr(MeanMetric):
    """SNR of each UE per antenna without precoding, other cells included where the link budget has some."""

    name = "ue_snr_db"
    label = "SNR of a UE"
    stem = "ue_snr"
    meaning = (
        "SNR of a UE per antenna at unit channel power, of one port with all power: that of its link budget, other "
        "cells as noise, or the scenario's. Mean over the UEs of the decibels; percentiles are coverage."
    )
    digits = 2
    unit = "dB"
    domain = "before precoding"
    aggregation = "mean over UEs of the decibels"
    needs_reconstruction = False
    on_request = True

    def accumulator(self) -> MeanAccumulator:
        """An empty mean of decibels, which are not converted again."""
        from linksim.statistics.accumulators import MeanAccumulator

        return MeanAccumulator(self.name)

    def per_sample(self, outcome: LinkOutcome) -> Tensor:
        """Decibels of each UE."""
        import torch

        snr = torch.as_tensor(outcome.snr, dtype=torch.float64, device=outcome.csi_true.device)
        return 10 * torch.log10(snr).expand(len(outcome.csi_true))
