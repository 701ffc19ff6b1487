"""The contract of every predictor of the channel at the BS, and their registry."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict
from torch import Tensor

PREDICTORS: ClassRegistry["Predictor"] = ClassRegistry(unique=True)


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


class PredictorParameters(BaseModel):
    """Parameters that every predictor has; each predictor extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str

    @property
    def min_reports(self) -> int:
        """Reports without which it can do nothing."""
        return 1

    @property
    def default_reports(self) -> int:
        """Reports that it sees unless a scenario says otherwise."""
        return 1


class Predictor(ABC):
    """Guesses at the BS what the channel will be when the precoder is used, from the reports that arrived.

    It learns from these reports alone: it is told neither the UE's speed nor a statistic of its channel.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[PredictorParameters]]
    results_version: ClassVar[int] = 1

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @abstractmethod
    def predict(self, history: ReportHistory) -> Tensor:
        """The channel ``delay_s`` after the newest report, ``[batch, Na, Nt]``, complex64."""
