"""Networks that can start as the best linear codec of the training channels, so that they only learn what it cannot."""

from abc import abstractmethod

import torch

from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.neural_parameters import Init, LinearStartParameters
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

__all__ = ["KLT_RECIPE", "Init", "LinearStartNetwork", "LinearStartParameters"]

# For a start from the KLT: Muon, larger steps for kernels than for FC layers, and an average that evens out what batch
# statistics of few sparse images do to a network that is far from linear. Its rate is held, as a cosine lets go too
# early.
KLT_RECIPE = TrainingRecipe(
    optimiser="muon",
    muon_kernels=True,
    batch_size=50,
    learning_rate=6e-3,
    full_rate_steps=2000,
    full_rate_nmse_db=-14,
    fc_rate_ratio=0.4,
    warmup=0.05,
    warmup_steps=300,
    ema_decay=0.97,
    schedule="hold",
    validations=20,
)
# For trained weights that are to learn a little more: small steps.
ADAPTATION_RECIPE = TrainingRecipe(batch_size=50, learning_rate=2e-4, fc_rate_ratio=0.1, warmup=0.1, ema_decay=0.97)


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

    @property
    def default_recipe(self) -> TrainingRecipe:
        """That of all networks for random initial weights, one of a few hundred thousand channels otherwise."""
        return KLT_RECIPE if self.starts_as_klt else super().default_recipe

    @property
    def adaptation_recipe(self) -> TrainingRecipe:
        """Of small steps where the network began as the KLT."""
        return ADAPTATION_RECIPE if self.starts_as_klt else self.default_recipe

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
