"""The learning rate over a training budget: linear warm-up, cosine decay, restarts where training is stuck."""

import math

from feedback.training.recipe import TrainingRecipe


def learning_rate(
    recipe: TrainingRecipe, spent: float, origin: float = 0.0, end: float = 1.0, step: int | None = None
) -> float:
    r"""Step size once a share of the budget is spent.

    With :math:`p` the share spent since the schedule began, of what it has, and :math:`w` the warm-up,

    .. math:: r = r_0 \, p / w \quad (p < w), \qquad
              r = r_1 + (r_0 - r_1) \tfrac{1}{2} \bigl( 1 + \cos \pi \tfrac{p - w}{1 - w} \bigr).

    A schedule that holds stays at :math:`r_0` until :math:`1 - d`, which takes the place of :math:`w` in the cosine.

    Args:
        recipe: learning rates :math:`r_0`, :math:`r_1` and warm-up.
        spent: share of the whole budget, 0 to 1.
        origin: share at which the schedule began.
        end: share at which it ends, above ``origin``.
        step: number of the step, from 1; where it is known, a warm-up in steps is the same to the last digit whatever
            the budget.
    """
    if recipe.warmup_steps is not None and step is not None and step < recipe.warmup_steps and (origin, end) == (0, 1):
        return recipe.learning_rate * step / recipe.warmup_steps
    share = min(max((spent - origin) / (end - origin), 0.0), 1.0)
    if share < recipe.warmup:
        return recipe.learning_rate * share / recipe.warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    begin = recipe.warmup if recipe.schedule == "cosine" else 1 - recipe.decay
    progress = max(share - begin, 0.0) / (1 - begin)
    fall = recipe.learning_rate - recipe.final_learning_rate
    return recipe.final_learning_rate + fall * (1 + math.cos(math.pi * progress)) / 2
