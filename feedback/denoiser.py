"""The contract of every denoiser of received codewords, and their registry."""

from abc import abstractmethod
from typing import ClassVar

from torch import Generator, Tensor

from feedback.compressor import Compressor
from feedback.csi_report.codeword import Codeword
from feedback.denoiser_parameters import DENOISERS, DenoiserParameters, DenoiserTraits
from feedback.learner import Learner
from feedback.training_set import TrainingSet

__all__ = ["DENOISERS", "Denoiser", "DenoiserParameters"]


class Denoiser(DenoiserTraits, Learner):
    """Estimates the codeword that was sent from the one that was received, at the BS, before it is dequantised.

    Args:
        settings: the denoiser's section of a scenario.
    """

    Parameters: ClassVar[type[DenoiserParameters]]

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
