"""Steps of norms' scales shrink with the scales, and with nothing else."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from feedback.training.norm_scales import ScaleAdam, norm_scales
from feedback.training.optimiser import make_optimiser
from feedback.training.recipe import TrainingRecipe

RECIPE = TrainingRecipe(learning_rate=0.1, relative_norm_steps=True)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 4))


@dataclass
class Stepped:
    """A pair of networks and their optimiser, whose gradients are all 1."""

    encoder: nn.Sequential
    decoder: nn.Sequential
    optimiser: torch.optim.Optimizer

    def step(self) -> None:
        for parameter in (*self.encoder.parameters(), *self.decoder.parameters()):
            parameter.grad = torch.ones_like(parameter)
        self.optimiser.step()


def stepped(**recipe: Any) -> Stepped:
    encoder, decoder = network(), network()
    return Stepped(encoder, decoder, make_optimiser(RECIPE.model_copy(update=recipe), encoder, decoder))


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "muon"])
def test_a_scale_that_is_a_fifth_of_its_start_takes_a_fifth_of_the_step(optimiser: str) -> None:
    whole, small = stepped(optimiser=optimiser), stepped(optimiser=optimiser)
    small.encoder[1].weight.data.mul_(0.2)
    before = small.encoder[1].weight.detach().clone()
    for pair in (whole, small):
        pair.step()
    moved = small.encoder[1].weight.detach() - before
    torch.testing.assert_close(moved, 0.2 * (whole.encoder[1].weight.detach() - 1), rtol=1e-4, atol=0)
    others = [name for name in dict(whole.encoder.named_parameters()) if name != "1.weight"]
    for name in others:
        assert torch.equal(whole.encoder.get_parameter(name), small.encoder.get_parameter(name))
    assert torch.equal(whole.decoder[1].weight, small.decoder[1].weight)


@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_scales_that_are_not_smaller_take_steps_of_adam(optimiser: str) -> None:
    relative, plain = stepped(optimiser=optimiser), stepped(optimiser=optimiser, relative_norm_steps=False)
    for pair in (relative, plain):
        pair.encoder[1].weight.data.mul_(3)
        pair.step()
    for one, other in zip(relative.encoder.parameters(), plain.encoder.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)


def test_no_step_turns_the_sign_of_a_scale() -> None:
    relative, plain = stepped(), stepped(relative_norm_steps=False)
    for pair in (relative, plain):
        for _ in range(30):
            pair.step()
    assert (relative.encoder[1].weight > 0).all()
    assert (plain.encoder[1].weight < 0).all()


def test_a_scale_of_nothing_is_left_to_adam_which_lets_it_grow() -> None:
    encoder, decoder = network(), network()
    encoder[1].weight.data.zero_()
    assert norm_scales(encoder) == set()
    assert norm_scales(decoder) == {id(decoder[1].weight)}
    norms = nn.Sequential(nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm1d(4, affine=False))
    assert norm_scales(norms) == {id(norms[0].weight), id(norms[1].weight)}
    pair = Stepped(encoder, decoder, make_optimiser(RECIPE, encoder, decoder))
    pair.step()
    assert (encoder[1].weight != 0).all()


def test_a_state_that_is_taken_up_goes_on_at_the_same_digits() -> None:
    whole, first = stepped(optimiser="muon"), stepped(optimiser="muon")
    for _ in range(4):
        whole.step()
    for _ in range(2):
        first.step()
    rest = stepped(optimiser="muon")
    rest.encoder.load_state_dict(first.encoder.state_dict())
    rest.decoder.load_state_dict(first.decoder.state_dict())
    rest.optimiser.load_state_dict(copy.deepcopy(first.optimiser.state_dict()))
    for _ in range(2):
        rest.step()
    assert any(isinstance(part, ScaleAdam) for part in rest.optimiser.parts)  # type: ignore[attr-defined]
    assert all(
        torch.equal(one, other)
        for one, other in zip(whole.encoder.parameters(), rest.encoder.parameters(), strict=True)
    )
