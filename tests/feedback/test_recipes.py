"""A recipe reaches the training loop as it was written, or is refused: no network changes it on its own."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import Candidate, csi_for, sequences_for
from feedback.conformance.network import candidate_of, network_of
from feedback.denoisers.dnnnet import DnnNet
from feedback.denoisers.parameters.dnnnet import DnnNetParameters
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet
from tests.feedback.narrow_networks import NARROW

# No key has its default, but for budgets, of which there is one.
RECIPE = TrainingRecipe(
    samples=5,
    batch_size=12,
    validations=3,
    optimiser="sgd",
    epsilon=1e-6,
    weight_decay=0.1,
    learning_rate=3e-3,
    final_learning_rate=4e-5,
    muon_kernels=True,
    full_rate_steps=7,
    full_rate_nmse_db=-8.0,
    batch_statistics_nmse_db=-9.0,
    largest_move=0.2,
    relative_norm_steps=True,
    fc_rate_ratio=0.3,
    encoder_rate_ratio=0.5,
    schedule="hold",
    decay=0.2,
    warmup=0.1,
    warmup_steps=2,
    restart_after=4,
    step_back_db=1.5,
    clip_norm=2.0,
    ema_decay=0.9,
    precision="bf16-mixed",
    random_phase=False,
)
NETWORKS = {
    str(name): kind for name in sorted(COMPRESSORS) if issubclass(kind := COMPRESSORS.get_class(name), NeuralCompressor)
}
# One network of each way to train.
WAYS = {kind.train_networks: {"name": name, **NARROW.get(name, {})} for name, kind in NETWORKS.items()}
CHOOSING: list[dict[str, Any]] = [
    {"name": "csinet", "csi": "eigenvectors"},
    {"name": "etype2", "param_combination": 1, "enhancer": "transformer"},
]


def candidate(section: dict[str, Any]) -> Candidate:
    return candidate_of(COMPRESSORS.get_class(section["name"]), section)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[TrainingRecipe]:
    """Recipes that the training loop gets, which does nothing."""
    found: list[TrainingRecipe] = []
    for module in ("feedback.neural", "feedback.networks.over_time", "feedback.denoisers.dnnnet"):
        monkeypatch.setattr(f"{module}.train", lambda *arguments: found.append(arguments[3]))
    return found


def training_set(network: NeuralCompressor) -> TrainingSet:
    made_for = sequences_for if network.learns_over_time else csi_for
    return TrainingSet(made_for(network, 6), made_for(network, 2, seed=1))


def test_no_key_of_the_recipe_is_left_out() -> None:
    default = TrainingRecipe()
    same = {key for key in TrainingRecipe.model_fields if getattr(RECIPE, key) == getattr(default, key)}
    assert same == {"epochs", "minutes"}


@pytest.mark.parametrize("section", [*WAYS.values(), *CHOOSING], ids=lambda section: str(section["name"]))
def test_every_key_reaches_the_loop(section: dict[str, Any], trained: list[TrainingRecipe]) -> None:
    network = network_of(candidate(section))
    network.train_networks(training_set(network), RECIPE, torch.Generator().manual_seed(0))
    assert trained == [RECIPE]


@pytest.mark.parametrize("section", [*WAYS.values(), *CHOOSING], ids=lambda section: str(section["name"]))
def test_phases_that_a_report_chooses_are_never_turned(section: dict[str, Any], trained: list[TrainingRecipe]) -> None:
    network = network_of(candidate(section))
    training, generator = training_set(network), torch.Generator().manual_seed(0)
    network.train_networks(training, TrainingRecipe(), generator)
    assert trained[0].for_phases(are_chosen=False).random_phase is (section not in CHOOSING)
    turning = TrainingRecipe(random_phase=True)
    if section not in CHOOSING:
        network.train_networks(training, turning, generator)
        assert trained[1].random_phase
        return
    with pytest.raises(FeedbackInputError, match="random_phase: got true, expected false or none"):
        network.train_networks(training, turning, generator)
    with pytest.raises(ValidationError, match=r"recipe\.random_phase: got true, expected false or none"):
        type(network).Parameters.model_validate({**section, "recipe": {"random_phase": True}})


def test_a_denoiser_turns_no_phases_that_a_report_chooses(trained: list[TrainingRecipe]) -> None:
    network = network_of(candidate(CHOOSING[0]))
    training = training_set(network)
    denoiser = DnnNet(DnnNetParameters(width=4, epochs=0))
    denoiser.fit(network.encode(training.train).values)
    denoiser.fit_jointly(network, training, torch.Generator().manual_seed(0))
    assert trained[0].random_phase is False


def test_one_loss_at_a_time() -> None:
    section = {"distillation": {"method": "kd", "teacher": {"name": "csinet"}}, "disturbance": {"rate_weight": 1e-3}}
    with pytest.raises(ValidationError, match=r"distillation: got one with disturbance\.rate_weight"):
        NETWORKS["csinet"].Parameters.model_validate({"name": "csinet", **section})
