"""Networks that can start as the best linear codec of the training channels, so that they only learn what it cannot."""

from abc import abstractmethod

import torch

from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.neural_parameters import Init, LinearStartParameters
from feedback.training_set import TrainingSet

__all__ = ["Init", "LinearStartNetwork", "LinearStartParameters"]


class LinearStartNetwork(NeuralCompressor):
    """A network with a linear start."""

    @property
    def starts_as_klt(self) -> bool:
        """Whether training starts from the KLT: where the layers allow it, unless ``init`` says otherwise."""
        wanted = getattr(self.settings, "init", None)
        return wanted == "klt" or (wanted is None and self.start_problem is None)

    @property
    def start_problem(self) -> str | None:
        """Why its layers allow no start from the KLT, in a few words; ``None`` where they do."""
        return None

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights, then makes the network a linear codec if ``init`` says so.

        Raises:
            FeedbackInputError: if ``init`` asks for the KLT and the layers do not allow it.
        """
        self.initialise(generator)
        if self.starts_as_klt:
            if self.start_problem is not None:
                raise FeedbackInputError(f"init: got 'klt', expected 'xavier': {self.start_problem}")
            self.start_as_klt(training)

    @abstractmethod
    def start_as_klt(self, training: TrainingSet) -> None:
        """Changes random initial weights to those of the best linear codec."""
