"""Training recipes of the papers, for drawn weights: 100 000 channels, a day of a GPU and more."""

from feedback.training import TrainingRecipe


def _recipe(epochs: int, batch_size: int, first: float, last: float, warmup_epochs: float) -> TrainingRecipe:
    return TrainingRecipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=first,
        final_learning_rate=last,
        fc_rate_ratio=1.0,
        warmup_epochs=warmup_epochs,
        random_phase=False,
    )


CSINET = _recipe(epochs=1000, batch_size=200, first=1e-3, last=1e-3, warmup_epochs=0)
CRNET = _recipe(epochs=1000, batch_size=200, first=2e-3, last=5e-5, warmup_epochs=30)
ACRNET = _recipe(epochs=2500, batch_size=200, first=4e-3, last=5e-5, warmup_epochs=30)
# The paper's Adam has epsilon 1e-7, not 1e-8, and it restarts the schedule by hand where training is stuck.
BCSINET = _recipe(epochs=2500, batch_size=1000, first=1e-2, last=5e-5, warmup_epochs=30)
CLLWCSINET = _recipe(epochs=500, batch_size=200, first=1e-3, last=1e-3, warmup_epochs=0)
DEQ = _recipe(epochs=1000, batch_size=200, first=1e-3, last=5e-5, warmup_epochs=0)
