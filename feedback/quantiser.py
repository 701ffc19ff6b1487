"""The contract of every codeword quantiser, and their registry."""

from abc import abstractmethod
from typing import ClassVar

import torch
from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from feedback.csi_report.codeword import Codeword, Signal
from feedback.learner import Learner

QUANTISERS: ClassRegistry["Quantiser"] = ClassRegistry(unique=True)


class QuantiserParameters(BaseModel):
    """Parameters that every quantiser has; each extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str


class Quantiser(Learner):
    """Turns codeword values into levels at the UE, and levels into values at the BS; a PyTorch module.

    Args:
        settings: the quantiser's section of a scenario.

    Attributes:
        sends: what the link gets to carry.
        detects_errors: whether the BS finds by the bits that a report is none.
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
    """

    sends: ClassVar[Signal] = "levels"
    detects_errors: ClassVar[bool] = False
    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[QuantiserParameters]]
    results_version: ClassVar[int] = 1

    @property
    def stage(self) -> str:
        """What it is called in messages."""
        return f"quantiser {self.settings.name}"

    def fit(self, values: Tensor) -> None:
        """Learns from training codewords ``[n, length]``, float32; nothing to do by default."""

    @abstractmethod
    def quantise(self, codeword: Codeword) -> Codeword:
        """At the UE: values to the level numbers that are sent, ``value_bits`` set."""

    @abstractmethod
    def dequantise(self, received: Codeword) -> Codeword:
        """At the BS: level numbers to values."""

    def straight_through(self, values: Tensor) -> Tensor:
        """Values ``[batch, length]`` as the BS gets them over a perfect link, with the gradient of the identity.

        For training through the quantiser, whose own gradient is zero almost everywhere.
        """
        with torch.no_grad():
            error = self.dequantise(self.quantise(Codeword(values))).values - values
        return values + error
