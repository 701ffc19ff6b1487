"""Training runs as a whole: budgets, resumption, fresh channels, averaged weights, disturbed codewords, processes."""

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from linear_networks import LinearDecoder, LinearEncoder, channels, networks, seeded
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.training.disturbance import Disturbance
from feedback.training.loop import train
from feedback.training.options import Pass, TrainingOptions, TrainingOutcome, reconstruction_error
from feedback.training.recipe import TrainingRecipe
from feedback.training.state import Progress
from feedback.training.validation import decibel, validation_nmse
from feedback.training_set import TrainingSet

MUON: dict[str, Any] = {"optimiser": "muon", "muon_kernels": True}


class StoppedError(Exception):
    pass


@pytest.fixture
def training() -> TrainingSet:
    return TrainingSet(channels(400, seed=1), channels(50, seed=2))


def trained(
    training: TrainingSet, recipe: TrainingRecipe, options: TrainingOptions | None = None
) -> tuple[LinearEncoder, LinearDecoder, TrainingOutcome]:
    encoder, decoder = networks()
    return encoder, decoder, train(encoder, decoder, training, recipe, seeded(), options)


@pytest.mark.parametrize(
    ("budget", "samples"), [({"epochs": 2}, 800), ({"samples": 250}, 250), ({"samples": 210}, 250), ({"samples": 0}, 0)]
)
def test_budget_in_epochs_or_samples_is_met(training: TrainingSet, budget: dict[str, int], samples: int) -> None:
    outcome = trained(training, TrainingRecipe(batch_size=50, **budget))[2]
    assert outcome.samples_seen == samples
    assert len(outcome.history) >= min(samples // 50, 10)


@pytest.mark.parametrize("tick_s", [0.001, 0.003, 0.007, 0.02, 0.05])
def test_a_budget_of_time_ends_with_a_validation_that_says_so(
    training: TrainingSet, tick_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    # Every look at the clock takes as long.
    monkeypatch.setattr("feedback.training.clock.time", SimpleNamespace(monotonic=lambda: tick_s * next(ticks)))
    history = trained(training, TrainingRecipe(minutes=0.005, batch_size=50))[2].history
    assert [progress.spent for progress in history[:-1]] == [min(p.seconds / 0.3, 1) for p in history[:-1]]
    assert history[-1].spent == 1
    assert all(progress.spent < 1 for progress in history[:-1])


@pytest.mark.parametrize(
    "others",
    [{}, {"ema_decay": 0.9}, {"restart_after": 1}, {"optimiser": "sgd"}, MUON, {"clip_norm": 0.1}],
)
def test_killed_run_goes_on_at_the_same_digits(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: dict[str, float]
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    recipe = TrainingRecipe(epochs=3, validations=15, batch_size=50, learning_rate=5e-3, fc_rate_ratio=1, **others)
    disturbance = Disturbance(snr_db=(0, 20))
    whole = trained(training, recipe, TrainingOptions(disturbance=disturbance))
    for stop_at in (3, 11):
        state_file = tmp_path / f"state after {stop_at}.pt"
        seen: list[Progress] = []

        def stop(progress: Progress, seen: list[Progress] = seen, stop_at: int = stop_at) -> None:
            # Told before the state is kept: what a killed run saw last is seen again.
            if len(seen) == stop_at:
                raise StoppedError
            seen.append(progress)

        options = TrainingOptions(disturbance=disturbance, state_file=state_file)
        with pytest.raises(StoppedError):
            trained(training, recipe, replace(options, on_progress=stop))
        rest = trained(training, recipe, replace(options, on_progress=seen.append))
        assert torch.equal(whole[0].fc.weight, rest[0].fc.weight)
        assert torch.equal(whole[1].fc.weight, rest[1].fc.weight)
        assert [p.train_loss for p in whole[2].history] == [p.train_loss for p in rest[2].history]
        assert [p.samples for p in seen] == [p.samples for p in whole[2].history]
        assert whole[2].best_epoch == rest[2].best_epoch
        # What came of it is not kept yet: killed now, the same call ends at once.
        last = trained(training, recipe, replace(options, on_progress=seen.append))
        assert torch.equal(whole[0].fc.weight, last[0].fc.weight)


def test_state_of_another_run_is_refused_and_a_damaged_one_set_aside(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    file = tmp_path / "state.pt"

    def stop(progress: Progress) -> None:
        if file.exists():
            raise StoppedError

    options = TrainingOptions(state_file=file, on_progress=stop)
    with pytest.raises(StoppedError):
        trained(training, TrainingRecipe(epochs=2, batch_size=50, learning_rate=1e-3), options)
    with pytest.raises(FeedbackInputError, match=r"recipe.learning_rate 0.001, expected 0.002"):
        trained(training, TrainingRecipe(epochs=2, batch_size=50), TrainingOptions(state_file=file))
    kept = file.read_bytes()
    same = TrainingRecipe(epochs=2, batch_size=50, learning_rate=1e-3)
    with pytest.raises(FeedbackInputError, match=r"state.pt: is the state of another network or optimiser; without it"):
        train(nn.Sequential(networks()[0]), networks()[1], training, same, seeded(), TrainingOptions(state_file=file))
    assert file.read_bytes() == kept
    file.write_bytes(kept[:1000])
    anew = trained(training, same, TrainingOptions(state_file=file))
    assert f"{file}: damaged (" in caplog.text
    assert file.with_name("state.pt.damaged").read_bytes() == kept[:1000]
    assert torch.equal(anew[0].fc.weight, trained(training, same)[0].fc.weight)


def test_fresh_channels_are_each_seen_once(training: TrainingSet) -> None:
    asked: list[tuple[int, int]] = []
    seen: list[Tensor] = []

    def stream(start: int, stop: int) -> Tensor:
        asked.append((start, stop))
        return channels(stop - start, seed=100 + start)

    def note(step: Pass) -> Tensor:
        seen.append(step.image)
        return reconstruction_error(step)

    recipe = TrainingRecipe(epochs=3, batch_size=100, random_phase=False)
    train(
        *networks(), TrainingSet(training.train, training.validation, stream), recipe, seeded(), TrainingOptions(note)
    )
    # The first epoch is the training set itself.
    assert asked == [(400, 800), (800, 1200)]
    rows = torch.cat(seen).flatten(1)
    assert len(rows) == len(rows.unique(dim=0)) == 1200


def test_averaged_weights_are_kept(training: TrainingSet) -> None:
    recipe = TrainingRecipe(epochs=1, batch_size=400, random_phase=False, fc_rate_ratio=1, ema_decay=0.75, warmup=0)
    start = networks()[0].fc.weight
    plain = trained(training, recipe.model_copy(update={"ema_decay": None}))[0].fc.weight
    averaged = trained(training, recipe)[0].fc.weight
    # One step; the first update of the average takes the weights as they are then, so nothing else is averaged yet.
    assert torch.equal(averaged, plain)
    assert not torch.equal(plain, start)
    two = recipe.model_copy(update={"epochs": 2, "validations": 1})
    history: list[Tensor] = []

    def note(step: Pass) -> Tensor:
        history.append(encoder.fc.weight.detach().clone())
        return reconstruction_error(step)

    encoder, decoder = networks()
    outcome = train(encoder, decoder, training, two, seeded(), TrainingOptions(note))
    assert outcome.best_epoch == 2
    final = trained(training, two.model_copy(update={"ema_decay": None}))[0].fc.weight
    # Two float32 roundings of weights below 1.
    torch.testing.assert_close(encoder.fc.weight, 0.75 * history[1] + 0.25 * final, rtol=0, atol=2**-22)


def test_schedule_restarts_where_training_is_stuck(training: TrainingSet) -> None:
    # Steps up the error only harm: every validation is stuck, and after every second one the warm-up begins again.
    def wrong_way(step: Pass) -> Tensor:
        return -reconstruction_error(step)

    recipe = TrainingRecipe(
        epochs=12, batch_size=400, learning_rate=1.0, warmup=0.9, restart_after=2, fc_rate_ratio=1, random_phase=False
    )
    rates, steady = (
        [p.learning_rate for p in trained(training, r, TrainingOptions(wrong_way))[2].history]
        for r in (recipe, recipe.model_copy(update={"restart_after": None}))
    )
    assert rates[:2] == steady[:2]
    # After 2 of 12 steps: 1 of the 10 left, over a warm-up of 0.9.
    assert rates[2] == pytest.approx(0.1 / 0.9)
    assert steady[2] == pytest.approx(0.25 / 0.9)


def test_noise_has_its_power() -> None:
    codewords = torch.randn(4000, 64, generator=seeded(1)) * torch.logspace(-2, 2, 4000)[:, None]
    error = Disturbance(snr_db=(7, 7)).apply(codewords, seeded(2)) - codewords
    ratio = error.square().mean(1) / codewords.square().mean(1)
    # Chi-square of 4000 x 64 values: 5 standard deviations of the mean.
    assert float(ratio.mean()) == pytest.approx(10**-0.7, rel=5 * (2 / (4000 * 64)) ** 0.5)


def test_weights_trained_through_noise_are_selected_on_it(training: TrainingSet) -> None:
    disturbance = Disturbance(snr_db=(-5, 0))
    recipe = TrainingRecipe(epochs=20, batch_size=50, learning_rate=1e-2, fc_rate_ratio=1)
    encoder, decoder, outcome = trained(training, recipe, TrainingOptions(disturbance=disturbance))
    seed = int(torch.randint(2**62, (), generator=seeded()))
    kept = validation_nmse(encoder, decoder, training.validation, disturbance, seed)
    assert decibel(kept) == pytest.approx(outcome.validation_nmse_db, abs=1e-9)
    # 8 values tell a channel exactly, and 1 of noise for 1 of signal or more leaves half of its power or more. The pair
    # that is best without noise is far better without, and much worse with it.
    assert outcome.validation_nmse_db > -3.1
    clean_encoder, clean_decoder, _ = trained(training, recipe)
    assert validation_nmse(clean_encoder, clean_decoder, training.validation) < 0.1
    assert validation_nmse(clean_encoder, clean_decoder, training.validation, disturbance, seed) > kept


def test_disturbance_lets_the_gradient_through() -> None:
    codewords = torch.randn(5, 8, generator=seeded(1), requires_grad=True)
    received = Disturbance(bits=3).apply(codewords, seeded(2))
    received.sum().backward()
    assert codewords.grad is not None
    assert torch.equal(codewords.grad, torch.ones(5, 8))
    # Eight cells of the sigmoid.
    assert len(received.detach().sigmoid().mul(8).round(decimals=3).unique()) <= 8


def test_encoder_of_rate_ratio_0_stays(training: TrainingSet) -> None:
    recipe = TrainingRecipe(epochs=2, batch_size=50, encoder_rate_ratio=0.0)
    encoder, decoder, _ = trained(training, recipe)
    assert torch.equal(encoder.fc.weight, networks()[0].fc.weight)
    assert not torch.equal(decoder.fc.weight, networks()[1].fc.weight)


def test_run_killed_between_validations_goes_on_at_the_same_digits(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATE_INTERVAL_S", 0.0)
    recipe = TrainingRecipe(samples=800, validations=2, batch_size=50, fc_rate_ratio=1, ema_decay=0.9, **MUON)
    whole = trained(training, recipe)
    steps = 0

    def killed(step: Pass) -> Tensor:
        nonlocal steps
        steps += 1
        if steps == 6:
            raise StoppedError
        return reconstruction_error(step)

    state_file = tmp_path / "state.pt"
    with pytest.raises(StoppedError):
        trained(training, recipe, TrainingOptions(killed, state_file=state_file))
    rest = trained(training, recipe, TrainingOptions(killed, state_file=state_file))
    # The sixth step was begun twice, all others once: 16 steps.
    assert steps == 17
    assert torch.equal(whole[0].fc.weight, rest[0].fc.weight)
    assert torch.equal(whole[1].fc.weight, rest[1].fc.weight)
    assert [p.train_loss for p in whole[2].history] == [p.train_loss for p in rest[2].history]
