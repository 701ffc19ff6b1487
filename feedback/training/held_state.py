"""The state of a training at the moment when its learning rate begins to fall: a longer budget goes on from there.

Up to that moment two budgets of the same recipe take the same steps: the rate has risen within the same number of them
and is held since. So what a longer one comes to does not depend on whether a shorter one was there before.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from feedback.errors import FeedbackInputError
from feedback.state_file import kept_state
from feedback.training.recipe import BUDGETS, TrainingRecipe
from feedback.training.state import TrainingState, most_bytes, save_state, take_up

# What two budgets may differ in until the rate falls.
_LATER = (*BUDGETS, "validations", "decay", "warmup")


class HeldState:
    """Keeps one training's state at the end of its held rate, and finds that of a shorter one.

    Args:
        file: where it is kept.
        recipe: within its budget.
        steps: of the budget.
        signature: of the training.
    """

    def __init__(self, file: Path, recipe: TrainingRecipe, steps: int, signature: dict[str, Any]) -> None:
        self._file = file
        # Steps after which the next one's rate is the first to fall.
        self._end = int((1 - recipe.decay) * steps)
        same = {name: value for name, value in recipe.model_dump(mode="json").items() if name not in _LATER}
        # Other versions may take other steps.
        versions = {"linksim": _own_version(), "torch": str(torch.__version__)}
        others = {name: value for name, value in signature.items() if name != "budget"}
        self._signature = {**others, "recipe": same, "versions": versions}

    @classmethod
    def of(
        cls, file: Path | None, recipe: TrainingRecipe, steps: int | None, signature: dict[str, Any]
    ) -> "HeldState | None":
        """One for a training whose rate is held from a step on that its budget does not move; ``None`` for others."""
        fits = recipe.schedule == "hold" and recipe.warmup_steps is not None and recipe.restart_after is None
        return cls(file, recipe, steps, signature) if file is not None and steps is not None and fits else None

    def is_due(self, state: TrainingState) -> bool:
        """Whether the rate falls from the next step on; never where it fell before, at a validation of this budget."""
        return state.step == self._end and state.steps_back == 0

    def keep(self, state: TrainingState, model: nn.Module) -> None:
        """Keeps a state that is complete, unless that of a longer budget is there.

        Args:
            state: of the step after which it is due.
            model: whose state it is.
        """
        kept = self._kept(model)
        if kept is None or kept["step"] <= state.step:
            save_state(self._file, state, self._signature)

    def load(self, model: nn.Module, optimiser: Any, average: nn.Module | None) -> TrainingState | None:
        """Sets model, optimiser and average to the state of a shorter budget; ``None`` where there is none that fits.

        Raises:
            FeedbackInputError: if it is of another network; one line names the file.
        """
        document = self._kept(model)
        if document is None or document["step"] > self._end:
            return None
        return take_up(self._file, document, model, optimiser, average)

    def _kept(self, model: nn.Module) -> dict[str, Any] | None:
        try:
            return kept_state(self._file, self._signature, most_bytes(model))
        except FeedbackInputError:
            # Of another recipe or version: the next to be kept takes its place.
            return None


def _own_version() -> str | None:
    try:
        return version("linksim")
    except PackageNotFoundError:
        # Used from a checkout that is not installed.
        return None
