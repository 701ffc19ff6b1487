"""The contract of every codeword quantiser, and their registry."""

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.learner import Learner
from feedback.quantiser_parameters import QUANTISERS, QuantiserParameters, QuantiserTraits
from feedback.saturation import not_further_out

__all__ = ["QUANTISERS", "Quantiser", "QuantiserParameters"]


class Quantiser(QuantiserTraits, Learner):
    """Turns codeword values into levels at the UE, and levels into values at the BS; a PyTorch module.

    Args:
        settings: the quantiser's section of a scenario.
    """

    Parameters: ClassVar[type[QuantiserParameters]]

    @property
    def stage(self) -> str:
        """What it is called in messages."""
        return f"quantiser {self.settings.name}"

    @property
    def largest_value(self) -> float:
        """Modulus of the outermost levels where all values have the same; infinite where levels are learnt."""
        return math.inf

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

        For training through the quantiser, whose own gradient is zero almost everywhere. Where a value is beyond the
        outermost level, the gradient only moves it back.
        """
        with torch.no_grad():
            error = self.received(values) - values
        return not_further_out(values, self.largest_value) + error

    def received(self, values: Tensor) -> Tensor:
        """Values ``[batch, length]`` as the BS gets them over a perfect link."""
        return self.dequantise(self.quantise(Codeword(values))).values
