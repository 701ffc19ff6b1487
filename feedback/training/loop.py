"""Training of an encoder and a decoder together; the best weights on the validation channels are kept.

Everything that is random in a step follows from the seed and the step's number, so that a run that was killed goes
on at the same digits.
"""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import KeptStatistics, settle_statistics
from feedback.training.captured_step import make_step
from feedback.training.clock import BudgetClock
from feedback.training.devices import one_device
from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior
from feedback.training.held_state import HeldState
from feedback.training.learnable import check_channels, check_learnable
from feedback.training.move_limit import MoveLimit
from feedback.training.optimiser import averaged, make_optimiser
from feedback.training.options import TrainingOptions, TrainingOutcome
from feedback.training.recipe import BUDGETS, TrainingRecipe
from feedback.training.schedule import learning_rate
from feedback.training.stage import stage_at
from feedback.training.state import Progress, TrainingState, load_state, save_state
from feedback.training.step import StepInputs, all_rates
from feedback.training.step_back import is_lost, rate_ratio, step_back
from feedback.training.validation import decibel, validation_bits, validation_error
from feedback.training_set import TrainingSet

_STATE_INTERVAL_S = 20.0
# Raised where the same recipe takes other steps, or keeps other moments.
_STEPS_VERSION = 2
# Improvements below this share of the best error do not count as such for `restart_after`.
_STUCK = 1e-4
# Channels whose codewords a prior is started from.
_PRIOR_SAMPLES = 2000
# Channels that statistics of batch norm are found from before a validation; of fewer, running ones are the better.
_STATISTICS_SAMPLES = 2000


def train(
    encoder: nn.Module,
    decoder: nn.Module,
    training: TrainingSet,
    recipe: TrainingRecipe,
    generator: torch.Generator,
    options: TrainingOptions | None = None,
) -> TrainingOutcome:
    """Minimises a loss, by default the mean-square error of reconstructed images, within the recipe's budget.

    The weights of the start count as epoch 0. The same generator state gives the same weights on the same machine,
    also where the run was killed and continued, unless the budget is one of time.

    Args:
        encoder: images ``[batch, 2, Na, Nt]`` to codewords ``[batch, M]``.
        decoder: codewords to images; both are trained in place and left in eval mode.
        training: channels to learn from and to select on, on the networks' device.
        recipe: budget and learning rates.
        generator: one draw from it seeds the order of the channels, their phases, and the noise; on the CPU.
        options: loss, disturbance, callback, state file, devices.

    Raises:
        FeedbackInputError: if a split is empty or not finite, the networks cannot be trained and kept, the loss becomes
            NaN or infinite, or a state file is of another run.
    """
    check_channels(training)
    check_learnable(encoder, decoder)
    seed = int(torch.randint(2**62, (), generator=generator))
    try:
        options = options or TrainingOptions()
        model = options.autoencoder(encoder, decoder, _prior(encoder, training, options.disturbance))
        outcome = _Run(model, training, recipe, seed, options).finish()
    finally:
        encoder.eval()
        decoder.eval()
    return outcome


class _Run:
    """One training run, from its start or from a kept state."""

    def __init__(
        self, model: Autoencoder, training: TrainingSet, recipe: TrainingRecipe, seed: int, options: TrainingOptions
    ) -> None:
        recipe = recipe.for_channels(len(training.train))
        self.batches_per_epoch = len(training.train) // recipe.batch_size
        recipe = recipe.within_budget(self.batches_per_epoch)
        self.training, self.recipe, self.seed, self.options = training, recipe, seed, options
        self.fabric = options.fabric or one_device(training.train.device, recipe.precision)
        self.model = model
        most, sgd = recipe.largest_move, recipe.optimiser == "sgd"
        limit = None if most is None or sgd else MoveLimit(model, training.train, options, most)
        optimiser = make_optimiser(recipe, model.encoder, model.decoder, model.prior, limit)
        self.module, self.optimiser = self.fabric.setup(model, optimiser)
        self.step = make_step(model, self.module, (optimiser, self.optimiser), recipe, options, self.fabric)
        self.rates: tuple[float, ...] = ()
        self.kept_statistics = KeptStatistics()
        self.average = averaged(model, recipe)
        self.signature = {
            "steps": _STEPS_VERSION,
            # Beside the recipe, whose rates follow from it: what differs is told by its first key.
            "budget": {name: getattr(recipe, name) for name in BUDGETS},
            "recipe": recipe.model_dump(mode="json"),
            "seed": seed,
            "training channels": len(training.train),
            "fresh channels": training.is_fresh,
            "validation channels": len(training.validation),
            "processes": self.fabric.world_size,
        }
        if options.origin:
            self.signature["origin"] = dict(options.origin)
        self.clock = BudgetClock(recipe, self.batches_per_epoch, self.fabric)
        steps = recipe.steps(self.batches_per_epoch)
        self.held = HeldState.of(options.held_file, recipe, steps, self.signature)
        self.kept_at = time.monotonic()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=training.train.device)
        self.since_validation = 0
        self.channels, self.epoch, self.order = training.train, -1, torch.empty(0, dtype=torch.int64)
        self.state = self._first_state()

    def finish(self) -> TrainingOutcome:
        """Takes the steps that are left, and gives the networks their best weights."""
        while not self.clock.is_over(self.state, self.since_validation):
            self._step()
            if self.clock.validation_due(self.state):
                self._validate()
            if self.held is not None and self.held.is_due(self.state) and self.fabric.is_global_zero:
                self.held.keep(self._complete_state(), self.model)
            self._keep_now_and_then()
        for tensor, kept in zip(_tensors(self.model), self.state.best, strict=True):
            tensor.copy_(kept)
        state = self.state
        return TrainingOutcome(
            start_nmse_db=decibel(state.start_nmse),
            validation_nmse_db=decibel(state.best_nmse),
            best_epoch=round(state.best_step / self.batches_per_epoch, 3),
            samples_seen=self._samples(state.step),
            history=tuple(state.history),
        )

    def _first_state(self) -> TrainingState:
        file = self.options.state_file
        kept = None if file is None else load_state(file, self.signature, self.model, self.optimiser, self.average)
        if kept is None and self.held is not None:
            kept = self.held.load(self.model, self.optimiser, self.average)
            if kept is not None:
                self._tell_again(kept)
        if kept is not None:
            self.loss_sum += kept.loss_sum
            self.since_validation = kept.since_validation
            return kept
        start = self._validation_nmse(self.model)
        if not math.isfinite(start):
            raise FeedbackInputError(f"training: got validation NMSE {start} at the start, expected a finite number")
        if self.fabric.is_global_zero:
            self.options.on_start(decibel(start))
        return TrainingState(start_nmse=start, best_nmse=start, best=_snapshot(self.model))

    def _tell_again(self, kept: TrainingState) -> None:
        """Tells of the validations of a shorter budget, as shares of this one."""
        steps = self.recipe.steps(self.batches_per_epoch)
        assert steps is not None
        kept.history = [replace(one, spent=one.samples / self._samples(steps)) for one in kept.history]
        if self.fabric.is_global_zero:
            self.options.on_start(decibel(kept.start_nmse))
            for progress in kept.history:
                self.options.on_progress(progress)

    def _step(self) -> None:
        state, recipe = self.state, self.recipe
        spent = self.clock.share_spent(state, state.step + 1)
        begin, stage = stage_at(self.options.stages, spent)
        rate = learning_rate(recipe, spent, max(state.origin, begin), stage.until, state.step + 1)
        rate *= stage.rate_ratio * recipe.start_rate_ratio(state.start_nmse) * rate_ratio(state)
        self.rates = all_rates(self.optimiser.param_groups, rate, stage.encoder_rate_ratio)
        generator = torch.Generator().manual_seed(self.seed + 2 * state.step + 1)
        channels, turns = self._batch(state.step, generator)
        encoder_stays = stage.encoder_rate_ratio * recipe.encoder_rate_ratio == 0
        self.kept_statistics = KeptStatistics(encoder_stays, recipe.keeps_statistics(state.start_nmse))
        self.loss_sum += self.step.take(StepInputs(channels, turns, self.rates, self.kept_statistics, spent, generator))
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.since_validation += 1
        state.step += 1

    def _batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """This process's share of a step's channels, ``[batch, Na, Nt]``, or of its sequences, and their turns."""
        epoch, index = divmod(step, self.batches_per_epoch)
        if epoch != self.epoch:
            self.channels, self.epoch = self.training.epoch(epoch), epoch
            order = torch.Generator().manual_seed(self.seed + 2 * epoch)
            self.order = torch.randperm(len(self.channels), generator=order).to(self.channels.device)
        size = self.recipe.batch_size
        rows = self.order[index * size : (index + 1) * size]
        turns = torch.rand(len(rows), generator=generator) if self.recipe.random_phase else None
        mine = slice(self.fabric.global_rank, None, self.fabric.world_size)
        return self.channels[rows[mine]], None if turns is None else turns[mine]

    def _validate(self) -> None:
        state = self.state
        validated: Any = self.model if self.average is None else self.average.module
        validated.eval()
        if len(some := self.channels[:_STATISTICS_SAMPLES]) == _STATISTICS_SAMPLES:
            settle_statistics(validated, self.kept_statistics, some, self.options.disturbance, self.seed)
        loss, nmse = float(self.loss_sum) / self.since_validation, self._validation_nmse(validated)
        # Losses and running statistics of batch norm are each process's own; the first one's count.
        if self.fabric.world_size > 1:
            loss, nmse = self.fabric.broadcast((loss, nmse))
        is_finite = math.isfinite(loss) and math.isfinite(nmse)
        # One stage of several need not be after this error.
        lost = len(self.options.stages) == 1 and is_lost(self.recipe, state, loss, nmse)
        if not (is_finite or lost):
            raise FeedbackInputError(
                f"training: got loss {loss} and validation NMSE {nmse} after {state.step} steps, expected finite "
                f"numbers; a learning_rate below {self.recipe.learning_rate:g} or a clip_norm may help"
            )
        state.stale = 0 if nmse < state.best_nmse * (1 - _STUCK) else state.stale + 1
        if nmse < state.best_nmse:
            state.best_nmse, state.best_step, state.best = nmse, state.step, _snapshot(validated)
        seconds = self.clock.seconds(state)
        spent = self.clock.share_spent(state, state.step, seconds)
        if self.recipe.restart_after is not None and state.stale >= self.recipe.restart_after and spent < 1:
            state.origin, state.stale = spent, 0
        progress = Progress(
            samples=self._samples(state.step),
            epoch=round(state.step / self.batches_per_epoch, 3),
            spent=spent,
            train_loss=loss,
            validation_nmse_db=decibel(nmse),
            learning_rate=self.rates[-1],
            seconds=seconds,
        )
        self.clock.note_validation(state, seconds)
        self.loss_sum.zero_()
        self.since_validation = 0
        if lost:
            step_back(state, nmse, self.model, self.optimiser, self.average, self.fabric.is_global_zero)
        if is_finite:
            state.history.append(progress)
            if self.fabric.is_global_zero:
                self.options.on_progress(progress)

    def _validation_nmse(self, model: Any) -> float:
        csi, options = self.training.validation, self.options
        nmse = validation_error(model, csi, options.disturbance, self.seed, options.errors)
        weight = None if options.disturbance is None else options.disturbance.rate_weight
        return nmse if weight is None else nmse + weight * validation_bits(model.encoder, model.prior, csi)

    def _keep_now_and_then(self) -> None:
        now = time.monotonic()
        if self.options.state_file is not None and now - self.kept_at >= _STATE_INTERVAL_S:
            self._keep(self.options.state_file)
            self.kept_at = now

    def _keep(self, file: Path) -> None:
        state = self._complete_state()
        if self.fabric.is_global_zero:
            save_state(file, state, self.signature)

    def _complete_state(self) -> TrainingState:
        self.clock.note(self.state)
        self.state.loss_sum, self.state.since_validation = float(self.loss_sum), self.since_validation
        self.state.model = self.model.state_dict()
        self.state.optimiser = self.optimiser.state_dict()
        self.state.average = {} if self.average is None else self.average.state_dict()
        return self.state

    def _samples(self, steps: int) -> int:
        return steps * self.recipe.batch_size


def _prior(encoder: nn.Module, training: TrainingSet, disturbance: Disturbance | None) -> FactorisedPrior | None:
    """Distributions of the first codewords, where their bits are in the loss."""
    if disturbance is None or disturbance.rate_weight is None:
        return None
    encoder.eval()
    with torch.no_grad():
        return FactorisedPrior(encoder(to_unit_interval(training.train[:_PRIOR_SAMPLES])))


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(network.state_dict().values())


def _snapshot(network: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in _tensors(network)]
