"""Networks of users that cannot be trained or kept are refused before the first step; odd ones that can be are kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from linear_networks import LinearDecoder, channels, networks, seeded
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor, NeuralParameters
from feedback.training.loop import train
from feedback.training.optimiser import averaged, make_optimiser
from feedback.training.options import TrainingOptions, TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet
from feedback.weight_rounding import mean_inputs, rounded_state

RECIPE = TrainingRecipe(samples=500, batch_size=50)


@pytest.fixture
def training() -> TrainingSet:
    return TrainingSet(channels(200, seed=1), channels(50, seed=2))


def trained(encoder: nn.Module, decoder: nn.Module, training: TrainingSet) -> TrainingOutcome:
    return train(encoder, decoder, training, RECIPE, seeded())


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bfloat16, torch.float16])
def test_parameters_that_are_not_kept_are_refused(training: TrainingSet, dtype: torch.dtype) -> None:
    encoder, decoder = networks()
    decoder.extra = nn.Parameter(torch.zeros(3, dtype=dtype))
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(FeedbackInputError, match=rf"^decoder: got the parameter extra of {name}, expected float32$"):
        trained(encoder, decoder, training)


def test_a_layer_of_both_sides_is_refused(training: TrainingSet) -> None:
    encoder, decoder = networks()
    decoder.extra = encoder.fc
    with pytest.raises(
        FeedbackInputError, match=r"^decoder: got the parameter extra.weight, which is the encoder's too"
    ):
        trained(encoder, decoder, training)


def test_nothing_that_learns_is_refused(training: TrainingSet) -> None:
    encoder, decoder = networks()
    for network in (encoder, decoder):
        network.requires_grad_(False)
    with pytest.raises(FeedbackInputError, match=r"^encoder and decoder: got no parameter that learns"):
        trained(encoder, decoder, training)


class Plain(NeuralCompressor):
    """Nothing but shapes."""

    def build_encoder(self) -> nn.Module:
        return nn.Flatten()

    def build_decoder(self) -> nn.Module:
        return nn.Unflatten(1, (2, *self.shape))


def test_networks_without_parameters_have_a_complexity() -> None:
    found = Plain(NeuralParameters(name="plain", compression_ratio=1), (4, 4)).complexity()
    assert (found.ue_macs, found.bs_macs, found.ue_parameters, found.bs_parameters) == (0, 0, 0, 0)


class Detached(LinearDecoder):
    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values).detach()


class OneForAll(LinearDecoder):
    def forward(self, values: Tensor) -> Tensor:
        rebuilt = super().forward(values)
        return rebuilt[:1] if self.training else rebuilt


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Detached, "^training: got a loss that no weight moves"),
        (OneForAll, "^decoder: got 1 images of 50 codewords in training, expected 50$"),
    ],
)
def test_images_that_teach_nothing_or_are_too_few_are_refused(
    training: TrainingSet, kind: type[LinearDecoder], line: str
) -> None:
    encoder, decoder = networks()
    decoder.__class__ = kind
    with pytest.raises(FeedbackInputError, match=line):
        trained(encoder, decoder, training)


def test_batches_have_no_more_channels_than_there_are(training: TrainingSet) -> None:
    few = replace(training, train=training.train[:30])
    recipe = TrainingRecipe(samples=90, batch_size=200)
    assert train(*networks(), few, recipe, seeded()).samples_seen == 90


def test_counts_indices_and_masks_have_no_mean() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("order", torch.arange(1000))
    model.register_buffer("mask", torch.tensor([True, False]))
    average = averaged(model, TrainingRecipe(ema_decay=0.9))
    assert average is not None
    with torch.no_grad():
        for value in (1.0, 2.0):
            model.weight.fill_(value)
            model.get_buffer("order").add_(1)
            average.update_parameters(model)
    assert torch.allclose(average.module.weight, torch.tensor(1.1))
    assert torch.equal(average.module.get_buffer("order"), torch.arange(1000) + 2)
    assert average.module.get_buffer("mask").tolist() == [True, False]


def test_a_weight_of_two_layers_is_one_parameter_and_rounded_once() -> None:
    tied = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    tied[1].weight = tied[0].weight
    for recipe in (RECIPE, RECIPE.model_copy(update={"optimiser": "muon"})):
        groups = make_optimiser(recipe, tied, nn.Linear(2, 2)).param_groups
        known = [id(parameter) for group in groups for parameter in group["params"]]
        assert len(known) == len(set(known)) == 5
    means = mean_inputs(tied, lambda: tied(torch.randn(10, 64, generator=seeded())))
    state = {name: tensor.detach() for name, tensor in tied.state_dict().items() if name != "1.weight"}
    made = rounded_state(state, 0.5, frozenset(), means)
    assert not torch.equal(made["0.weight"], state["0.weight"])
    assert torch.equal(made["1.bias"], state["1.bias"])


def test_a_state_says_what_differs(training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    options = TrainingOptions(state_file=tmp_path / "state.pt")
    train(*networks(), training, RECIPE, seeded(), options)
    fresh = replace(training, stream=lambda start, stop: channels(stop - start, seed=start))
    with pytest.raises(FeedbackInputError, match=r"state.pt: .* with fresh channels False, expected True"):
        train(*networks(), fresh, RECIPE, seeded(), options)
    other = replace(options, origin={"teacher": {"sha256": "ab"}})
    with pytest.raises(FeedbackInputError, match=r"state.pt: .* with origin None, expected {'teacher'"):
        train(*networks(), training, RECIPE, seeded(), other)
    longer = RECIPE.with_budget(samples=1000)
    with pytest.raises(FeedbackInputError, match=r"state.pt: .* with budget.samples 500, expected 1000"):
        train(*networks(), training, longer, seeded(), options)
