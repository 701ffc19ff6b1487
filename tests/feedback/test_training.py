"""The training loop: schedule, selection, repeatability, refusals."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from linear_networks import LinearDecoder, channels, networks, seeded
from pydantic import ValidationError
from torch import nn

from feedback.errors import FeedbackInputError
from feedback.training.loop import train
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.schedule import learning_rate
from feedback.training.state import Progress
from feedback.training.validation import validation_nmse
from feedback.training_set import TrainingSet


@pytest.fixture
def training() -> TrainingSet:
    return TrainingSet(channels(400, seed=1), channels(50, seed=2))


def test_learns_what_can_be_learnt(training: TrainingSet) -> None:
    encoder, decoder = networks()
    recipe = TrainingRecipe(epochs=30, batch_size=20, learning_rate=1e-2, fc_rate_ratio=1.0)
    seen: list[Progress] = []
    outcome = train(encoder, decoder, training, recipe, seeded(), TrainingOptions(on_progress=seen.append))
    # A linear pair through 8 values is exact here, and gradient descent on it has no local minimum; 600 steps bring
    # it far below any error that a wrong step, scale or selection would leave.
    assert outcome.validation_nmse_db < -30
    assert outcome.start_nmse_db > -3
    assert [progress.epoch for progress in seen] == list(range(1, 31))
    assert outcome.history == tuple(seen)
    assert outcome.samples_seen == 30 * 400
    best = min(seen, key=lambda progress: progress.validation_nmse_db)
    assert outcome.best_epoch == best.epoch
    assert outcome.validation_nmse_db == pytest.approx(best.validation_nmse_db, abs=1e-12)
    kept = 10 * math.log10(validation_nmse(encoder, decoder, training.validation))
    assert kept == pytest.approx(best.validation_nmse_db, abs=1e-9)
    assert not encoder.training
    assert not decoder.training


def test_validation_nmse_is_the_mean_of_ratios() -> None:
    csi = channels(7, seed=4) * torch.tensor([1, 0.5, 0.2, 1, 1, 0.1, 1])[:, None, None]
    encoder, decoder = networks()
    with torch.no_grad():
        image = decoder(encoder(torch.stack([csi.real, csi.imag], 1) / 2 + 0.5))
    rebuilt = torch.complex(2 * image[:, 0] - 1, 2 * image[:, 1] - 1)
    ratios = (rebuilt - csi).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))
    # Images around 0.5 round at 2^-25, deviations of 0.1 / 2 / 4 or more: 1e-5 of the error.
    assert validation_nmse(encoder, decoder, csi) == pytest.approx(float(ratios.mean()), rel=1e-4)


def test_keeps_the_start_where_training_only_harms(training: TrainingSet) -> None:
    encoder, decoder = networks()
    before = encoder.fc.weight.detach().clone()
    recipe = TrainingRecipe(
        epochs=2, batch_size=20, learning_rate=1.0, final_learning_rate=1.0, fc_rate_ratio=1.0, warmup=0
    )
    outcome = train(encoder, decoder, training, recipe, seeded())
    assert outcome.best_epoch == 0
    assert outcome.validation_nmse_db == outcome.start_nmse_db
    assert torch.equal(encoder.fc.weight, before)


def test_selects_on_validation_alone(training: TrainingSet) -> None:
    recipe = TrainingRecipe(epochs=3, batch_size=50, warmup=0)
    weights = []
    for other in (channels(50, seed=7), 0.3 * channels(9, seed=8)):
        encoder, decoder = networks()
        losses: list[float] = []
        train(
            encoder,
            decoder,
            TrainingSet(training.train, other),
            recipe,
            seeded(),
            TrainingOptions(on_progress=lambda progress, into=losses: into.append(progress.train_loss)),
        )
        weights.append(losses)
    assert weights[0] == weights[1]


def test_same_generator_gives_the_same_weights(training: TrainingSet) -> None:
    recipe = TrainingRecipe(epochs=2, batch_size=50)
    results = []
    for seed in (3, 3, 4):
        encoder, decoder = networks()
        train(encoder, decoder, training, recipe, seeded(seed))
        results.append(encoder.fc.weight.detach())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_fully_connected_layers_take_smaller_steps() -> None:
    encoder = nn.Sequential(nn.Conv2d(2, 2, 3, padding="same"), nn.Flatten(), nn.Linear(32, 8))
    decoder = LinearDecoder()
    start = {id(p): p.detach().clone() for p in [*encoder.parameters(), *decoder.parameters()]}
    training = TrainingSet(channels(10, seed=1), channels(10, seed=2))
    recipe = TrainingRecipe(
        epochs=1, batch_size=10, learning_rate=1e-3, schedule="constant", fc_rate_ratio=0.1, warmup=0
    )
    moved: list[tuple[float, float]] = []

    def look(progress: Progress) -> None:
        for layers, step in (([encoder[0]], 1e-3), ([encoder[2], decoder.fc], 1e-4)):
            for p in (p for layer in layers for p in layer.parameters()):
                moved.append((float((p.detach() - start[id(p)]).abs().max()), step))

    train(encoder, decoder, training, recipe, seeded(), TrainingOptions(on_progress=look))
    assert len(moved) == 5
    # Adam's first step is the step size times g / (abs(g) + 1e-8).
    assert all(distance == pytest.approx(step, rel=1e-2) for distance, step in moved)


def test_step_size_rises_then_falls_like_a_cosine() -> None:
    recipe = TrainingRecipe(learning_rate=2e-3, final_learning_rate=5e-5, warmup=0.2)
    rates = [learning_rate(recipe, step / 100) for step in range(101)]
    assert all(a < b for a, b in pairwise(rates[:21]))
    assert rates[10] == pytest.approx(1e-3)
    assert rates[20] == pytest.approx(2e-3)
    assert rates[60] == pytest.approx((2e-3 + 5e-5) / 2)
    assert rates[100] == pytest.approx(5e-5)
    assert all(a > b for a, b in pairwise(rates[20:]))


def test_step_size_holds_until_the_last_share() -> None:
    recipe = TrainingRecipe(learning_rate=2e-3, final_learning_rate=5e-5, warmup=0.2, schedule="hold", decay=0.4)
    rates = [learning_rate(recipe, step / 100) for step in range(101)]
    assert rates[10] == pytest.approx(1e-3)
    assert rates[20:61] == pytest.approx([2e-3] * 41)
    # A cosine over the last 40 %: half of the way after 20 %.
    assert rates[80] == pytest.approx((2e-3 + 5e-5) / 2)
    assert rates[100] == pytest.approx(5e-5)
    assert all(a > b for a, b in pairwise(rates[60:]))
    with pytest.raises(ValidationError, match=r"decay is 0\.9 after a warmup of 0\.2, expected no more"):
        TrainingRecipe(warmup=0.2, schedule="hold", decay=0.9)


def test_the_shortest_decay_falls_to_the_final_rate() -> None:
    """A share that 1 has no room for, as 1e-17, would leave no end to fall in; the smallest one that is taken does."""
    with pytest.raises(ValidationError, match="decay"):
        TrainingRecipe(schedule="hold", decay=1e-17)
    recipe = TrainingRecipe(learning_rate=2e-3, final_learning_rate=5e-5, schedule="hold", decay=1e-6)
    assert learning_rate(recipe, 0.999) == pytest.approx(2e-3)
    assert learning_rate(recipe, 1.0) == pytest.approx(5e-5)


@given(spent=st.floats(0, 1), origin=st.floats(0, 0.9))
def test_restarted_schedule_is_the_schedule_of_the_rest(spent: float, origin: float) -> None:
    recipe = TrainingRecipe(warmup=0.1)
    there = origin + spent * (1 - origin)
    # Shares near 1 round at 2^-53, and the slope of the warm-up is 10 rates a share.
    assert learning_rate(recipe, there, origin) == pytest.approx(learning_rate(recipe, spent), abs=1e-12)


def test_refuses_a_loss_that_is_not_finite(training: TrainingSet) -> None:
    encoder, decoder = networks()
    nn.init.constant_(decoder.fc.weight, 1e30)
    with pytest.raises(FeedbackInputError, match=r"training: got .*, expected finite"):
        train(encoder, decoder, training, TrainingRecipe(epochs=1, batch_size=50), seeded())
    assert not encoder.training


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf"), 0.0])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_refuses_channels_that_are_none(spoilt: float, split: str) -> None:
    splits = {"train": channels(40, seed=1), "validation": channels(40, seed=2)}
    splits[split][3] = spoilt
    with pytest.raises(FeedbackInputError, match="expected channels"):
        train(*networks(), TrainingSet(**splits), TrainingRecipe(epochs=1), torch.Generator())


def test_refuses_an_empty_split(training: TrainingSet) -> None:
    with pytest.raises(FeedbackInputError, match="validation channels: got none"):
        train(*networks(), TrainingSet(training.train, channels(0, seed=1)), TrainingRecipe(), torch.Generator())


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"learning_rate": 1e-6},
        {"speed": 1},
        {"epochs": 1, "samples": 9},
    ],
)
def test_recipe_refuses_wrong_values(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        TrainingRecipe(**wrong)  # type: ignore[arg-type]


def test_a_short_budget_takes_smaller_steps_in_proportion() -> None:
    recipe = TrainingRecipe(batch_size=50, learning_rate=6e-3, final_learning_rate=1e-3, full_rate_steps=200)
    # 100 of 200 steps: half of both.
    half = recipe.with_budget(samples=5000).within_budget(7)
    assert (half.learning_rate, half.final_learning_rate) == (3e-3, 5e-4)
    # Once the rates suit the budget, there is nothing left to be done.
    assert half.within_budget(7) == half
    assert recipe.with_budget(epochs=3).within_budget(25).learning_rate == 6e-3 * 75 / 200
    for enough in (recipe.with_budget(samples=10000), recipe.with_budget(minutes=1)):
        assert enough.within_budget(7) == enough


def test_a_run_has_the_learning_rates_of_its_budget(training: TrainingSet) -> None:
    rates = []
    for full in (None, 160):
        recipe = TrainingRecipe(samples=400, batch_size=50, validations=1, warmup=0, full_rate_steps=full)
        seen: list[Progress] = []
        train(*networks(), training, recipe, seeded(), TrainingOptions(on_progress=seen.append))
        rates.append(seen[-1].learning_rate)
    # 8 steps of 160.
    assert rates[1] == pytest.approx(rates[0] / 20)


def test_a_good_start_takes_smaller_steps_in_proportion_to_its_error() -> None:
    recipe = TrainingRecipe(full_rate_nmse_db=-14)
    assert recipe.start_rate_ratio(10**-2.4) == pytest.approx(0.1)
    assert recipe.start_rate_ratio(10**-1.3) == 1
    assert recipe.start_rate_ratio(0) == 0
    assert TrainingRecipe().start_rate_ratio(10**-2.4) == 1


def test_a_run_has_the_learning_rates_of_its_start(training: TrainingSet) -> None:
    runs: list[tuple[float, float]] = []
    for full in (None, 20):
        recipe = TrainingRecipe(samples=400, batch_size=50, validations=1, warmup=0, full_rate_nmse_db=full)
        seen: list[Progress] = []
        outcome = train(*networks(), training, recipe, seeded(), TrainingOptions(on_progress=seen.append))
        runs.append((seen[-1].learning_rate, outcome.start_nmse_db))
    (full_rate, start_db), (rate, _) = runs
    assert start_db < 20
    assert rate == pytest.approx(full_rate * 10 ** ((start_db - 20) / 10))
