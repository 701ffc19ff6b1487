"""Back to the best weights, at shorter steps, where a training has left them far behind."""

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn

from feedback.training.recipe import TrainingRecipe
from feedback.training.state import TrainingState
from feedback.training.validation import decibel

_LOGGER = logging.getLogger(__name__)

# What is lost at a hundredth of its rates is not so for their length.
_MOST = 7
# Steps in which rates rise again: moments begin anew, and the first steps of Adam are long whatever the gradient.
_RISE_STEPS = 100


def is_lost(recipe: TrainingRecipe, state: TrainingState, loss: float, nmse: float) -> bool:
    """Whether a training is to go back.

    Args:
        recipe: its ``step_back_db``.
        state: with the best error so far.
        loss: mean over the steps since the last validation.
        nmse: validation error, linear.
    """
    if recipe.step_back_db is None or state.steps_back >= _MOST:
        return False
    bound = state.best_nmse * 10 ** (recipe.step_back_db / 10)
    return not (math.isfinite(loss) and math.isfinite(nmse) and nmse <= bound)


@torch.no_grad()
def step_back(
    state: TrainingState, nmse: float, model: nn.Module, optimiser: Any, average: nn.Module | None, is_first: bool
) -> None:
    """Puts the best weights in place of those that were lost; half the rates hold from there, and no moments.

    All is changed where it lies, so that a captured step sees it.

    Args:
        state: of the training; notes the step.
        nmse: validation error of what was lost, linear.
        model: takes the best weights.
        optimiser: forgets its moments.
        average: of the weights; begins anew, where the recipe has one.
        is_first: whether to tell of it.
    """
    for tensor, kept in zip(model.state_dict().values(), state.best, strict=True):
        tensor.copy_(kept)
    for moments in _moments(optimiser):
        for tensor in moments.values():
            if isinstance(tensor, Tensor):
                tensor.zero_()
    if average is not None:
        average.get_buffer("n_averaged").zero_()
    state.steps_back, state.went_back_at = state.steps_back + 1, state.step
    if is_first:
        _LOGGER.warning(
            "after %d steps the validation error is %.2f dB, after %d it was %.2f dB: goes on from there with rates of "
            "1/%d",
            *(state.step, decibel(nmse), state.best_step, decibel(state.best_nmse), 2**state.steps_back),
        )


def rate_ratio(state: TrainingState) -> float:
    """Learning rates of the next step over those of the schedule: half for each time that the training went back."""
    if state.steps_back == 0:
        return 1.0
    risen = min((state.step + 1 - state.went_back_at) / _RISE_STEPS, 1.0)
    return risen / 2**state.steps_back


def _moments(optimiser: Any) -> list[dict[str, Any]]:
    parts = getattr(optimiser, "parts", (optimiser,))
    return [moments for part in parts for moments in part.state.values()]
