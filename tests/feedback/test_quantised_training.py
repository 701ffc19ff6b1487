"""Training through a quantiser by the default recipe goes on from the start, and does not lose it."""

import pytest
import torch

from feedback.compressor import COMPRESSORS
from feedback.neural import NeuralCompressor
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet
from tests.feedback.test_linear_start import SHAPE, weak_channels


@pytest.mark.parametrize("name", ["csinet", "acrnet-1x"])
def test_full_steps_through_few_levels_keep_the_start(name: str) -> None:
    kind = COMPRESSORS.get_class(name)
    made = kind(kind.Parameters(name=name, compression_ratio=8, disturbance=Disturbance(bits=2)), SHAPE)
    assert isinstance(made, NeuralCompressor)
    training = TrainingSet(weak_channels(2000, seed=1), weak_channels(300, seed=2))
    full = {"full_rate_steps": None, "full_rate_nmse_db": None, "schedule": "constant", "validations": 1}
    recipe = made.default_recipe.model_copy(update=full).with_budget(samples=4000)
    outcome = made.train_networks(training, recipe, torch.Generator().manual_seed(1))
    # With the gradient of the identity for values that are cut off as well, these 80 steps lose 1 to 2 dB.
    assert outcome.history[-1].validation_nmse_db < outcome.start_nmse_db + 0.1
