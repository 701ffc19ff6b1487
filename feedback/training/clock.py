"""How much of its budget a training run has spent, in steps or in minutes, and when it validates."""

import time
from typing import TYPE_CHECKING

from feedback.training.recipe import TrainingRecipe
from feedback.training.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class BudgetClock:
    """The clock of one training run.

    Args:
        recipe: its budget is one of steps, or of minutes.
        batches_per_epoch: steps that see every training channel once.
        fabric: the processes that train, which must agree on the last step.
    """

    def __init__(self, recipe: TrainingRecipe, batches_per_epoch: int, fabric: "Fabric") -> None:
        self._recipe, self._batches_per_epoch, self._fabric = recipe, batches_per_epoch, fabric
        self._steps = recipe.steps(batches_per_epoch)
        self._budget_s = 60 * (recipe.minutes or 1)
        self._began = time.monotonic()

    def seconds(self, state: TrainingState) -> float:
        """Time that the run has taken, before it was last continued included [s]."""
        return state.seconds + time.monotonic() - self._began

    def share_spent(self, state: TrainingState, steps_done: int, seconds: float | None = None) -> float:
        """Share of the budget that is spent after so many steps, or by this moment or another; 0 to 1."""
        if self._steps is None:
            return min((self.seconds(state) if seconds is None else seconds) / self._budget_s, 1.0)
        return steps_done / max(self._steps, 1)

    def is_over(self, state: TrainingState, since_validation: int) -> bool:
        """Whether no step is left; a budget of time ends at a validation.

        Args:
            state: of the run.
            since_validation: steps taken since the last validation.
        """
        if self._steps is not None:
            return state.step >= self._steps
        # By the time of that validation, so that it is the last one and says that all is spent.
        return self._agreed(since_validation == 0 and state.validated_s >= self._budget_s)

    def validation_due(self, state: TrainingState) -> bool:
        """Whether the run validates after the step that it has just taken."""
        validations = self._recipe.validations
        if self._steps is None:
            due_s = min(state.validated_s + self._budget_s / validations, self._budget_s)
            return self._agreed(self.seconds(state) >= due_s or state.step % self._batches_per_epoch == 0)
        every = min(self._batches_per_epoch, max(self._steps // validations, 1))
        return state.step % every == 0 or state.step == self._steps

    def note(self, state: TrainingState) -> None:
        """Keeps the time in the state, from where a run that is continued counts on."""
        state.seconds = self.seconds(state)
        self._began = time.monotonic()

    def note_validation(self, state: TrainingState, seconds: float) -> None:
        """Keeps the time of a validation in the state, from where a run that is continued counts on."""
        state.seconds = state.validated_s = seconds
        self._began = time.monotonic()

    def _agreed(self, answer: bool) -> bool:
        """The first process's answer: the clocks of several need not agree."""
        return bool(self._fabric.broadcast(answer)) if self._fabric.world_size > 1 else answer
