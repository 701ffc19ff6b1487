"""The contract of every compressor, and their registry."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.training_set import TrainingSet

COMPRESSORS: ClassRegistry["Compressor"] = ClassRegistry(unique=True)

_DERIVED = -1


class CompressorParameters(BaseModel):
    """Parameters that every compressor has; each compressor extends it with its own ``name`` literal.

    Attributes:
        run_time: names of parameters that say how trained weights are used; weights do not depend on them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    run_time: ClassVar[frozenset[str]] = frozenset({"label", "only_ratios", "trained_on"})

    name: str
    label: str | None = Field(default=None, description="name in tables and figures; by default the compressor's own")
    compression_ratio: float | None = Field(
        default=None, ge=0.01, le=1e6, description="2 Na Nt / codeword length; by default the scenario's"
    )
    only_ratios: tuple[float, ...] | None = Field(
        default=None, description="ratios of a sweep that it takes part at, for those it exists for; by default all"
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


class Compressor(ABC):
    """Maps the truncated angular-delay matrix to a codeword at the UE, and back at the BS.

    ``encode`` and ``decode`` share trained weights and configuration, nothing else: the BS sees only the received
    codeword. Rows of a batch never influence each other.

    Args:
        parameters: the compressor's section of a scenario, ``compression_ratio`` filled in.
        shape: ``(Na, Nt)``, delay rows and transmit ports of the angular-delay matrix.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        Parameters: the pydantic model of the compressor's section in a scenario.
        trained: ``True`` where ``fit`` is a training run whose result is kept in a checkpoint, ``False`` where
            nothing is learnt or ``fit`` takes seconds.
        code: name and hash of the file that a user's own class comes from, empty for those that ship; weights belong
            to the very code that learnt them.
        length: codeword length ``M``, real values per report.
        results_version: raised when the same input gets other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1
    Parameters: ClassVar[type[CompressorParameters]] = CompressorParameters
    trained: ClassVar[bool] = False
    code: ClassVar[str] = ""
    length: int

    def __init__(self, parameters: Any, shape: tuple[int, int]) -> None:
        self.parameters = parameters
        self.shape = shape

    @abstractmethod
    def encode(self, csi: Tensor) -> Codeword:
        """Normalised angular-delay matrices ``[batch, Na, Nt]``, complex64, to codewords (at the UE)."""

    @abstractmethod
    def decode(self, received: Codeword) -> Tensor:
        """Received codewords to normalised angular-delay matrices ``[batch, Na, Nt]``, complex64 (at the BS)."""

    @abstractmethod
    def complexity(self) -> Complexity:
        """Cost of one report."""

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:  # noqa: B027 - most learn nothing
        """Learns from training channels; nothing to do by default."""

    def state(self) -> dict[str, Tensor]:
        """Everything that was learnt, by name, for a checkpoint."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what ``state`` gave.

        Raises:
            FeedbackInputError: if names or shapes differ from this compressor's.
        """
        if state:
            raise FeedbackInputError(f"checkpoint holds {sorted(state)}, expected no tensors")

    def to(self, device: torch.device) -> "Compressor":
        """Moves what was learnt to a device."""
        return self


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
