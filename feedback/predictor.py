"""The contract of every predictor of the channel at the BS, and their registry."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from feedback.predictor_parameters import PREDICTORS, PredictorParameters, PredictorTraits

__all__ = ["PREDICTORS", "Predictor", "PredictorParameters", "ReportHistory"]


@dataclass(frozen=True)
class ReportHistory:
    """What the BS remembers of each UE: its rebuilt reports, evenly spaced in time, the oldest first.

    Attributes:
        csi: rebuilt angular-delay matrices, ``[batch, n_reports, Na, Nt]``, complex64; 0 where a report was lost.
        erased: which reports were lost, ``[batch, n_reports]``, bool.
        mean: what the BS takes for the channel of a UE that it knows nothing of, ``[Na, Nt]``, complex64.
        period_s: time from report to report, s; without meaning for a single report.
        delay_s: time from the newest report, lost or not, to the use of the precoder, s.
    """

    csi: Tensor
    erased: Tensor
    mean: Tensor
    period_s: float
    delay_s: float

    @cached_property
    def last_good(self) -> Tensor:
        """The newest report that arrived, the mean channel where none has, ``[batch, Na, Nt]``, complex64."""
        held = self.csi[:, -1]
        if not self.erased.any():
            return held
        held = self.mean.expand_as(held)
        for report, erased in zip(self.csi.unbind(1), self.erased.unbind(1), strict=True):
            held = torch.where(erased[:, None, None], held, report)
        return held


class Predictor(PredictorTraits, ABC):
    """Guesses at the BS what the channel will be when the precoder is used, from the reports that arrived.

    It learns from these reports alone: it is told neither the UE's speed nor a statistic of its channel.
    """

    Parameters: ClassVar[type[PredictorParameters]]

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @abstractmethod
    def predict(self, history: ReportHistory) -> Tensor:
        """The channel ``delay_s`` after the newest report, ``[batch, Na, Nt]``, complex64."""
