"""A longer budget goes on where the rate of a shorter one began to fall, and comes to the same as without it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from linear_networks import channels, networks, seeded
from torch import Tensor

from feedback.training.loop import train
from feedback.training.options import Pass, TrainingOptions, reconstruction_error
from feedback.training.recipe import TrainingRecipe
from feedback.training.schedule import learning_rate
from feedback.training.state import Progress
from feedback.training_set import TrainingSet

RECIPE = TrainingRecipe(
    samples=2000, batch_size=50, schedule="hold", warmup=0.1, warmup_steps=4, ema_decay=0.9, fc_rate_ratio=0.5
)


class Counting:
    """A loss that counts its steps."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, step: Pass) -> Tensor:
        self.steps += 1
        return reconstruction_error(step)


@pytest.fixture
def training() -> TrainingSet:
    return TrainingSet(channels(400, seed=1), channels(50, seed=2))


def trained(
    training: TrainingSet, recipe: TrainingRecipe, held: Path | None, told: list[Progress] | None = None
) -> tuple[list[Tensor], int]:
    """Weights, and steps taken for them."""
    encoder, decoder = networks()
    loss = Counting()
    options = TrainingOptions(loss=loss, held_file=held)
    if told is not None:
        options = replace(options, on_progress=told.append)
    train(encoder, decoder, training, recipe, seeded(), options)
    return [*encoder.state_dict().values(), *decoder.state_dict().values()], loss.steps


@pytest.mark.parametrize("optimiser", ["adam", "muon", "sgd"])
def test_a_longer_budget_takes_only_the_steps_that_are_new(
    training: TrainingSet, tmp_path: Path, optimiser: str
) -> None:
    short = RECIPE.model_copy(update={"optimiser": optimiser})
    longer, held, told = short.with_budget(samples=4000), tmp_path / "held.pt", list[Progress]()
    assert trained(training, short, held)[1] == 40
    weights, steps = trained(training, longer, held, told)
    # 28 of 40 steps were taken before the rate fell.
    assert steps == 80 - 28
    alone, all_steps = trained(training, longer, None)
    assert all_steps == 80
    assert all(torch.equal(one, other) for one, other in zip(weights, alone, strict=True))
    assert [progress.samples for progress in told] == sorted({progress.samples for progress in told})
    assert [progress.spent for progress in told] == [progress.samples / 4000 for progress in told]
    # The longer one's own state has taken the place of the shorter one's.
    assert trained(training, short.with_budget(samples=8000), held)[1] == 160 - 56


def test_a_shorter_budget_leaves_the_state_of_a_longer_one(training: TrainingSet, tmp_path: Path) -> None:
    held = tmp_path / "held.pt"
    trained(training, RECIPE.with_budget(samples=4000), held)
    assert trained(training, RECIPE, held)[1] == 40
    assert trained(training, RECIPE.with_budget(samples=8000), held)[1] == 160 - 56


@pytest.mark.parametrize(
    "other",
    [
        {"learning_rate": 1e-3},
        {"samples": 1000, "warmup": 0.2},
        {"schedule": "cosine"},
        {"restart_after": 3},
        {"warmup_steps": None},
        {"warmup_steps": 3},
    ],
    ids=str,
)
def test_any_other_recipe_begins_anew(training: TrainingSet, tmp_path: Path, other: dict[str, float]) -> None:
    held = tmp_path / "held.pt"
    trained(training, RECIPE, held)
    recipe = TrainingRecipe.model_validate(RECIPE.model_dump() | other)
    weights, steps = trained(training, recipe, held)
    alone, all_steps = trained(training, recipe, None)
    assert steps == all_steps
    assert all(torch.equal(one, other) for one, other in zip(weights, alone, strict=True))


def test_a_damaged_state_is_set_aside(training: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    held = tmp_path / "held.pt"
    trained(training, RECIPE, held)
    held.write_bytes(held.read_bytes()[:-100])
    assert trained(training, RECIPE.with_budget(samples=4000), held)[1] == 80
    assert "damaged" in caplog.text
    assert (tmp_path / "held.pt.damaged").exists()


def test_a_budget_too_short_for_the_warm_up_keeps_none(training: TrainingSet, tmp_path: Path) -> None:
    trained(training, RECIPE.with_budget(samples=1500), tmp_path / "held.pt")
    assert list(tmp_path.iterdir()) == []


def test_rates_up_to_the_fall_are_those_of_any_budget() -> None:
    recipes = [RECIPE.with_budget(samples=samples).within_budget(8) for samples in (2000, 4000, 100_000)]
    rates = [
        [learning_rate(recipe, step / count, step=step) for step in range(1, 29)]
        for recipe, count in zip(recipes, (40, 80, 2000), strict=True)
    ]
    assert rates[0] == rates[1] == rates[2]
    assert rates[0][:4] == pytest.approx([5e-4, 1e-3, 1.5e-3, 2e-3])
    assert set(rates[0][4:]) == {RECIPE.learning_rate}
    # A share of a short budget is less.
    assert RECIPE.with_budget(samples=500).within_budget(8).warmup_steps is None
