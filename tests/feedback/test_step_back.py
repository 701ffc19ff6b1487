"""A training that leaves its best weights far behind goes back to them, at half the rates."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from linear_networks import channels, networks, seeded
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.training.loop import train
from feedback.training.options import Pass, TrainingOptions, TrainingOutcome, reconstruction_error
from feedback.training.recipe import TrainingRecipe
from feedback.training.stage import Stage
from feedback.training.state import Progress
from feedback.training_set import TrainingSet

# Steps that are far too long: they lead away from any start.
TOO_LONG = TrainingRecipe(
    samples=8000, batch_size=50, learning_rate=0.5, schedule="constant", warmup=0, validations=80, fc_rate_ratio=1
)
OPTIMISERS: list[dict[str, Any]] = [
    {"optimiser": "adam"},
    {"optimiser": "muon"},
    {"optimiser": "sgd"},
    {"ema_decay": 0.5},
]


@pytest.fixture
def training() -> TrainingSet:
    return TrainingSet(channels(400, seed=1), channels(50, seed=2))


def trained(
    training: TrainingSet, recipe: TrainingRecipe, options: TrainingOptions | None = None
) -> tuple[list[Tensor], TrainingOutcome]:
    encoder, decoder = networks()
    outcome = train(encoder, decoder, training, recipe, seeded(), options)
    return [encoder.fc.weight, decoder.fc.weight], outcome


class LostAt:
    """A loss that is not a number in some steps."""

    def __init__(self, *steps: int) -> None:
        self.steps, self.taken = steps, 0

    def __call__(self, step: Pass) -> Tensor:
        self.taken += 1
        loss = reconstruction_error(step)
        return loss * math.nan if self.taken in self.steps else loss


class Climbing:
    """A loss of which some steps go up the slope, as far as they can."""

    def __init__(self, steps: range) -> None:
        self.steps, self.taken = steps, 0

    def __call__(self, step: Pass) -> Tensor:
        self.taken += 1
        loss = reconstruction_error(step)
        return -30 * loss if self.taken in self.steps else loss


@pytest.mark.parametrize("others", OPTIMISERS)
def test_what_a_few_steps_have_lost_is_taken_back(
    training: TrainingSet, others: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    recipe = TOO_LONG.model_copy(update={"learning_rate": 0.02, "step_back_db": 1.0, **others})
    told = list[Progress]()
    options = TrainingOptions(loss=Climbing(range(21, 29)), on_progress=told.append)
    outcome = trained(training, recipe, options)[1]
    bests = list(itertools.accumulate((progress.validation_nmse_db for progress in told), min))
    lost = next(i for i, best in enumerate(bests) if told[i].validation_nmse_db > best + 1)
    assert 20 * 50 < told[lost].samples <= 32 * 50
    assert told[lost].learning_rate == recipe.learning_rate
    assert max(progress.learning_rate for progress in told[lost + 1 :]) <= recipe.learning_rate / 2
    assert f"after {told[lost].samples // 50} steps the validation error is" in caplog.text
    assert outcome.validation_nmse_db < bests[lost]


def test_steps_that_lead_away_are_halved_until_they_do_not(
    training: TrainingSet, caplog: pytest.LogCaptureFixture
) -> None:
    plain = trained(training, TOO_LONG)[1]
    assert not caplog.records
    outcome = trained(training, TOO_LONG.model_copy(update={"step_back_db": 1.0}))[1]
    assert len(caplog.records) > 1
    assert outcome.validation_nmse_db < plain.validation_nmse_db - 1


def test_a_loss_that_is_not_a_number_costs_the_steps_since_the_last_validation(training: TrainingSet) -> None:
    recipe = TOO_LONG.model_copy(update={"learning_rate": 5e-3})
    with pytest.raises(FeedbackInputError, match="got loss nan and validation NMSE nan after 32 steps"):
        trained(training, recipe, TrainingOptions(loss=LostAt(31)))
    told = list[Progress]()
    options = TrainingOptions(loss=LostAt(31), on_progress=told.append)
    outcome = trained(training, recipe.model_copy(update={"step_back_db": 1.0}), options)[1]
    assert outcome.samples_seen == 8000
    assert 32 * 50 not in [progress.samples for progress in told]
    assert all(math.isfinite(p.validation_nmse_db) and math.isfinite(p.train_loss) for p in told)
    assert told[-1].learning_rate == pytest.approx(told[0].learning_rate / 2, rel=0.6)


def test_what_is_never_finite_is_told_in_the_end(training: TrainingSet) -> None:
    options = TrainingOptions(loss=LostAt(*range(1, 100)))
    with pytest.raises(FeedbackInputError, match="got loss nan and validation NMSE nan after 16 steps"):
        trained(training, TOO_LONG.model_copy(update={"step_back_db": 1.0}), options)


def test_a_run_that_is_killed_after_it_went_back_goes_on_at_the_same_digits(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    recipe = TOO_LONG.model_copy(update={"step_back_db": 1.0, "ema_decay": 0.5})
    whole = trained(training, recipe)[0]

    def stop(progress: Progress) -> None:
        if progress.samples == 1000:
            raise KeyboardInterrupt

    options = TrainingOptions(state_file=tmp_path / "state.pt")
    with pytest.raises(KeyboardInterrupt):
        trained(training, recipe, replace(options, on_progress=stop))
    assert all(torch.equal(one, other) for one, other in zip(whole, trained(training, recipe, options)[0], strict=True))


def test_stages_of_which_one_works_towards_the_next_are_left_alone(training: TrainingSet) -> None:
    recipe = TOO_LONG.model_copy(update={"step_back_db": 1.0})
    stages = TrainingOptions(stages=(Stage(until=0.5), Stage()))
    plain = trained(training, TOO_LONG, stages)[0]
    assert all(torch.equal(one, other) for one, other in zip(plain, trained(training, recipe, stages)[0], strict=True))


def test_no_longer_budget_goes_on_from_rates_that_have_fallen_before(training: TrainingSet, tmp_path: Path) -> None:
    held = tmp_path / "held.pt"
    recipe = TOO_LONG.model_copy(update={"schedule": "hold", "warmup": 0.1, "warmup_steps": 4, "step_back_db": 1.0})
    trained(training, recipe, TrainingOptions(held_file=held))
    assert not held.exists()
    trained(training, recipe.model_copy(update={"learning_rate": 1e-3}), TrainingOptions(held_file=held))
    assert held.exists()
