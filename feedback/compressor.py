"""The contract of every compressor, and their registry."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import torch
from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from feedback.csi_report.codeword import Codeword, Signal
from feedback.csi_report.reconstruction import Reconstructed, Reconstruction
from feedback.errors import FeedbackInputError
from feedback.learner import Learner
from feedback.observation import CsiDimensions, CsiForm
from feedback.training_set import TrainingSet

COMPRESSORS: ClassRegistry["Compressor"] = ClassRegistry(unique=True)

_DERIVED = -1

# What one side remembers of the reports before, by name, ``[batch, ...]`` each; empty before the first report.
Memory: TypeAlias = Mapping[str, Tensor]
NO_MEMORY: Memory = {}


class CompressorParameters(BaseModel):
    """Parameters that every compressor has; each compressor extends it with its own ``name`` literal.

    Attributes:
        run_time: names of parameters that say how trained weights are used; weights do not depend on them.
        example: keys of a section that shows a compressor which has no defaults for all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    run_time: ClassVar[frozenset[str]] = frozenset({"label", "curve", "only_ratios", "trained_on"})
    example: ClassVar[dict[str, object]] = {}

    name: str
    label: str | None = Field(default=None, description="name in tables and figures; by default the compressor's own")
    curve: str | None = Field(
        default=None,
        description="compressors of the same curve are operating points of one system: joined in figures over the bits",
    )
    compression_ratio: float | None = Field(
        default=None, ge=0.01, le=1e6, description="2 Na Nt / codeword length; by default the scenario's"
    )
    only_ratios: tuple[float, ...] | None = Field(
        default=None, description="compression ratios of a sweep at which it takes part; by default all"
    )
    trained_on: dict[str, Any] | None = Field(
        default=None, description="channel section that it is fitted or trained on; by default the scenario's channel"
    )

    @property
    def needs_training(self) -> bool:
        """Whether a class that is ``trained`` is so with these parameters too."""
        return True

    @property
    def weights_of_others(self) -> str | None:
        """File of weights that were trained elsewhere, on channels that nobody here knows; ``None`` for the rest."""
        return None


class FixedCostParameters(CompressorParameters):
    """Parameters of compressors whose reports take what their own keys say, whatever the compression ratio."""

    @model_validator(mode="after")
    def _no_ratio(self) -> Self:
        if self.compression_ratio is not None:
            raise ValueError(
                f"compression_ratio: got {self.compression_ratio}, expected none for {self.name}, which takes the bits "
                "that its other keys say"
            )
        return self


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


class Compressor(Learner):
    """Maps what the UE knows of its channel to a codeword, and back at the BS; a PyTorch module.

    ``encode`` and ``decode`` share trained weights and configuration, nothing else: the BS sees only the received
    codeword. Rows of a batch never influence each other. A compressor says on its class what it takes, sends and gives;
    by default it takes the normalised angular-delay matrix, sends real values, and gives a matrix back. One that makes
    bits of its own, or remembers earlier reports, is a ``ReportCompressor``.

    Args:
        parameters: the compressor's section of a scenario, ``compression_ratio`` filled in.
        shape: ``(Na, n_ports)``, delay rows and ports of the angular-delay matrix; for compressors that take another
            form, or give a precoder, the ``CsiDimensions``.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        Parameters: the pydantic model of the compressor's section in a scenario.
        trained: ``True`` where ``fit`` is a training run whose result is kept in a checkpoint, ``False`` where
            nothing is learnt or ``fit`` takes seconds.
        code: name and hash of the file that a user's own class comes from, empty for those that ship; weights belong
            to the very code that learnt them.
        takes: the form of the channel that ``encode`` gets: ``truncated``, ``[batch, Na, n_ports]``; ``estimate``,
            ``[batch, n_rx, n_subcarriers, n_tx]``; ``eigenvectors``, ``[batch, n_layers, n_subbands, n_tx]``.
        n_layers: layers of the eigenvectors that it takes, or of the precoder that it gives.
        own_scale: whether it takes the channel as it is: nothing is taken off by the normalisation, and no scale is
            sent beside its codeword. Eigenvectors have no scale in any case, and a precoder needs none.
        sends: ``analogue`` values, which a quantiser and a denoiser follow; or bits of its own, for which there is
            neither: ``levels`` of a fixed number of bits, or a ``bitstream`` of a length of its own for each report.
        reserves_bits: whether its bitstreams say in ``max_bits`` how many bits to reserve for each.
        gives: what the BS gets back: a ``channel``, ``[batch, Na, n_ports]``, or a ``precoder``, ``[batch, n_layers,
            n_subbands, n_tx]``.
        has_ratio: whether the compression ratio says how long its codeword is.
        told_of_losses: whether the UE is told which of its reports did not arrive, before it makes the next.
        settings: ``parameters``, under another name, as ``parameters()`` is PyTorch's.
        dimensions: sizes of the channel.
        length: codeword length ``M``, real values per report, or bits where it makes a fixed number of its own.
        results_version: raised when the same input gets other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1
    Parameters: ClassVar[type[CompressorParameters]] = CompressorParameters
    trained: ClassVar[bool] = False
    code: ClassVar[str] = ""
    takes: ClassVar[CsiForm] = "truncated"
    own_scale: ClassVar[bool] = False
    sends: ClassVar[Signal] = "analogue"
    reserves_bits: ClassVar[bool] = False
    gives: ClassVar[Reconstructed] = "channel"
    has_ratio: ClassVar[bool] = True
    n_layers: int = 1
    told_of_losses: bool = False
    length: int

    def __init__(self, parameters: Any, shape: Any) -> None:
        super().__init__(parameters)
        self.dimensions = CsiDimensions.of(shape)
        self.shape: tuple[int, int] = self.dimensions.matrix

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> "type[Compressor]":
        """The class that a section of its name stands for: itself, unless a key chooses another."""
        return cls

    @classmethod
    def build(cls, parameters: Any, dimensions: CsiDimensions) -> Self:
        """The compressor of some parameters, nothing learnt."""
        plain = cls.takes == "truncated" and cls.gives == "channel"
        return cls(parameters, dimensions.matrix if plain else dimensions)

    @classmethod
    def sends_scale(cls) -> bool:
        """Whether the scale that the normalisation takes off stands beside its codeword."""
        return cls.gives == "channel" and cls.takes != "eigenvectors" and not cls.own_scale

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


@dataclass(frozen=True)
class CompressorIdentity:
    """What tells a compressor from others that learn otherwise; a built ``Compressor`` says the same of itself.

    Attributes:
        settings: parameters of its class, compression ratio filled in.
        shape: ``(Na, n_ports)``.
        code: name and hash of the file of a user's own class, empty for those that ship.
    """

    settings: CompressorParameters
    shape: tuple[int, int]
    code: str = ""


def codeword_length(shape: tuple[int, int], compression_ratio: float | None) -> int:
    r"""Codeword length :math:`M = 2 N_a N_t / \mathrm{CR}`.

    Raises:
        FeedbackInputError: if the ratio is missing, below 1, or gives no whole number of at least 1.
    """
    entries = 2 * shape[0] * shape[1]
    if compression_ratio is None:
        raise FeedbackInputError("compression_ratio: got nothing, expected a ratio here or in the scenario")
    length = entries / compression_ratio
    if not 1 <= round(length) <= entries or abs(length - round(length)) > 1e-9 * length:
        raise FeedbackInputError(
            f"compression_ratio: got {compression_ratio:g}, which gives a codeword of {length:g} values, "
            f"expected a ratio of at least 1 that divides 2 x {shape[0]} x {shape[1]} = {entries}"
        )
    return round(length)


def complex_codeword_length(shape: tuple[int, int], compression_ratio: float | None) -> int:
    """Codeword length ``M`` of a compressor that reports ``M / 2`` complex numbers.

    Raises:
        FeedbackInputError: as ``codeword_length``, and if ``M`` is odd.
    """
    length = codeword_length(shape, compression_ratio)
    if length % 2:
        raise FeedbackInputError(
            f"compression_ratio: got {compression_ratio:g}, which gives a codeword of {length} values, "
            "expected an even number"
        )
    return length
