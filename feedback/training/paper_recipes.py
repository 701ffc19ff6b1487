"""Training recipes of the papers, for random initial weights: 100 000 channels, a day of a GPU and more."""

from typing import Any

from feedback.training.recipe import TrainingRecipe


def _recipe(epochs: int, first: float, last: float, **others: Any) -> TrainingRecipe:
    return TrainingRecipe(
        epochs=epochs,
        learning_rate=first,
        final_learning_rate=last,
        fc_rate_ratio=1.0,
        random_phase=False,
        **others,
    )


CSINET = _recipe(epochs=1000, first=1e-3, last=1e-3, warmup=0)
CRNET = _recipe(epochs=1000, first=2e-3, last=5e-5, warmup=30 / 1000)
ACRNET = _recipe(epochs=2500, first=4e-3, last=5e-5, warmup=30 / 2500)
# The paper restarts the schedule where training is stuck and does not say when; 50 epochs is our reading.
BCSINET = _recipe(epochs=2500, first=1e-2, last=5e-5, warmup=30 / 2500, batch_size=1000, epsilon=1e-7, restart_after=50)
CLLWCSINET = _recipe(epochs=500, first=1e-3, last=1e-3, warmup=0)
DEQ = _recipe(epochs=1000, first=1e-3, last=5e-5, warmup=0)
TRANSNET = _recipe(epochs=400, first=1e-4, last=1e-4, warmup=0)
