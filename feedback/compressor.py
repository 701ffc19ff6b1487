"""The contract of every compressor, and their registry."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import torch
from torch import Tensor

from feedback.compressor_parameters import (
    COMPRESSORS,
    CompressorIdentity,
    CompressorParameters,
    CompressorTraits,
    FixedCostParameters,
    codeword_length,
    complex_codeword_length,
)
from feedback.csi_dimensions import CsiDimensions
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.learner import Learner
from feedback.training_set import TrainingSet

__all__ = [
    "COMPRESSORS",
    "NO_MEMORY",
    "Complexity",
    "Compressor",
    "CompressorIdentity",
    "CompressorParameters",
    "FixedCostParameters",
    "Memory",
    "ReportCompressor",
    "codeword_length",
    "complex_codeword_length",
]

_DERIVED = -1

# What one side remembers of the reports before, by name, ``[batch, ...]`` each; empty before the first report.
Memory: TypeAlias = Mapping[str, Tensor]
NO_MEMORY: Memory = {}


@dataclass(frozen=True)
class Complexity:
    """Cost of one report, UE and BS apart. One multiply-add of real numbers counts 1; norms and activations 0.

    Attributes:
        ue_macs: multiply-adds at the UE, additions of binary layers among them.
        bs_macs: multiply-adds at the BS.
        ue_parameters: learnt numbers at the UE.
        bs_parameters: learnt numbers at the BS.
        ue_multiplications: multiply-adds at the UE that do multiply, those of binary layers left out; by default all.
        ue_bytes: stored size of what the UE has learnt; by default 4 bytes a number.
    """

    ue_macs: int
    bs_macs: int
    ue_parameters: int
    bs_parameters: int
    ue_multiplications: int = _DERIVED
    ue_bytes: int = _DERIVED

    def __post_init__(self) -> None:
        if self.ue_multiplications == _DERIVED:
            object.__setattr__(self, "ue_multiplications", self.ue_macs)
        if self.ue_bytes == _DERIVED:
            object.__setattr__(self, "ue_bytes", 4 * self.ue_parameters)

    @property
    def parameters(self) -> int:
        """Learnt numbers on both sides together."""
        return self.ue_parameters + self.bs_parameters


class Compressor(CompressorTraits, Learner):
    """Maps what the UE knows of its channel to a codeword, and back at the BS; a PyTorch module.

    ``encode`` and ``decode`` share trained weights and configuration, nothing else: the BS sees only the received
    codeword. Rows of a batch never influence each other. What a compressor takes, sends and gives is said by the
    ``CompressorTraits`` of its ``Parameters``, or of a user's own class; by default it takes the normalised
    angular-delay matrix, sends real values, and gives a matrix back. One that makes bits of its own, or remembers
    earlier reports, is a ``ReportCompressor``.

    Args:
        parameters: the compressor's section of a scenario, ``compression_ratio`` filled in.
        shape: ``(Na, n_ports)``, delay rows and ports of the angular-delay matrix; for compressors that take another
            form, or give a precoder, the ``CsiDimensions``.

    Attributes:
        Parameters: the pydantic model of the compressor's section in a scenario.
        code: name and hash of the file that a user's own class comes from, empty for those that ship; weights belong
            to the very code that learnt them.
        n_layers: layers of the eigenvectors that it takes, or of the precoder that it gives.
        chooses_rank: whether the UE chooses how many of the layers each of its reports has; the others are zero.
        told_of_losses: whether the UE is told which of its reports did not arrive, before it makes the next.
        settings: ``parameters``, under another name, as ``parameters()`` is PyTorch's.
        dimensions: sizes of the channel.
        length: codeword length ``M``, real values per report, or bits where it makes a fixed number of its own.
    """

    Parameters: ClassVar[type[CompressorParameters]] = CompressorParameters
    code: ClassVar[str] = ""
    n_layers: int = 1
    chooses_rank: bool = False
    told_of_losses: bool = False
    length: int

    def __init_subclass__(cls, **keywords: Any) -> None:
        """A class learns if it has a ``fit`` of its own."""
        super().__init_subclass__(**keywords)
        cls.learns = cls.fit is not Compressor.fit

    def __init__(self, parameters: Any, shape: Any) -> None:
        super().__init__(parameters)
        self.dimensions = CsiDimensions.of(shape)
        self.shape: tuple[int, int] = self.dimensions.matrix

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> "type[Compressor]":
        """The class that a section of its name stands for: itself, unless a key chooses another.

        That class has the ``traits`` of such a section.
        """
        return cls

    @classmethod
    def build(cls, parameters: Any, dimensions: CsiDimensions) -> Self:
        """The compressor of some parameters, nothing learnt."""
        plain = cls.takes == "truncated" and cls.gives == "channel"
        return cls(parameters, dimensions.matrix if plain else dimensions)

    @abstractmethod
    def encode(self, csi: Tensor) -> Codeword:
        """Normalised angular-delay matrices ``[batch, Na, Nt]``, complex64, to codewords (at the UE)."""

    @abstractmethod
    def decode(self, received: Codeword) -> Tensor:
        """Received codewords to normalised angular-delay matrices ``[batch, Na, Nt]``, complex64 (at the BS)."""

    @abstractmethod
    def complexity(self) -> Complexity:
        """Cost of one report."""

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """At the UE: the next report, and what the UE remembers of it; nothing by default.

        Args:
            csi: the channel in the form that it takes.
            memory: what the UE remembers of the reports before.
            lost: which of the reports just before did not arrive, ``[batch]``, bool; ``None`` at the first one, and
                where the UE is not told.
        """
        return self.encode(csi), NO_MEMORY

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """At the BS: what the next report stands for, and what the BS remembers of it; nothing by default.

        Args:
            received: codewords as they arrived; ``erased`` says which did not.
            memory: what the BS remembers of the reports before.
        """
        csi = self.decode(received)
        if self.gives == "precoder":
            return Reconstruction(precoder=csi, erased=received.erased), NO_MEMORY
        return Reconstruction(channel=csi, erased=received.erased), NO_MEMORY

    def expected_change(self, memory: Memory) -> Tensor | None:
        """At the UE: what the channel will have changed by when the newest report is used; nothing by default.

        A UE that predicts computes its CQI with it.

        Args:
            memory: what the UE remembers of its reports, the newest among them.

        Returns:
            ``[batch, n_rx, n_subcarriers, n_tx]``, complex64, in the unit of what it takes; ``None`` where it takes the
            channel to stay.
        """
        return None

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Learns from training channels; nothing to do by default."""


class ReportCompressor(Compressor):
    """A compressor that makes bits of its own, or whose reports build on those before.

    Both methods are pure functions of their arguments, so that the digits are the same for any batch. What arrives may
    be wrong in any bit: ``rebuild`` marks a report whose bits mean nothing as erased, and never fails.
    """

    @abstractmethod
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """At the UE: the next report, and what the UE remembers of it."""

    @abstractmethod
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """At the BS: what the next report stands for, which are lost, and what the BS remembers of it."""

    def encode(self, csi: Tensor) -> Codeword:
        """The first report of each UE."""
        return self.report(csi, NO_MEMORY)[0]

    def decode(self, received: Codeword) -> Tensor:
        """What the first report of each UE stands for."""
        return self.rebuild(received, NO_MEMORY)[0].csi
