"""The contract of every denoiser of received codewords, and their registry."""

from abc import abstractmethod
from typing import ClassVar, get_args

from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict
from torch import Generator, Tensor

from feedback.compressor import Compressor
from feedback.csi_report.codeword import Codeword, Signal
from feedback.learner import Learner
from feedback.training_set import TrainingSet

DENOISERS: ClassRegistry["Denoiser"] = ClassRegistry(unique=True)


class DenoiserParameters(BaseModel):
    """Parameters that every denoiser has; each extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str


class Denoiser(Learner):
    """Estimates the codeword that was sent from the one that was received, at the BS, before it is dequantised.

    Args:
        settings: the denoiser's section of a scenario.

    Attributes:
        accepts: what a quantiser may have sent.
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
    """

    accepts: ClassVar[frozenset[Signal]] = frozenset(get_args(Signal))
    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[DenoiserParameters]]
    results_version: ClassVar[int] = 1

    @property
    def stage(self) -> str:
        """What it is called in messages."""
        return f"denoiser {self.settings.name}"

    def fit(self, values: Tensor) -> None:
        """Learns from training codewords ``[n, length]``, float32, as they are sent; nothing to do by default."""

    def fit_jointly(self, compressor: Compressor, training: TrainingSet, generator: Generator) -> None:
        """Learns on, after ``fit``, together with a fitted compressor, whose weights may change.

        They are then weights for this denoiser, and kept with it and nowhere else; nothing to do by default.
        """

    @abstractmethod
    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The codeword as estimated, given the link's noise power over the codeword's power, linear."""
