"""Trains one network in whatever process, from a training set in a file."""

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from feedback.checkpoint import save_checkpoint
from feedback.checkpoint_info import CheckpointInfo, read_info
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.plugin_file import PluginParameters, split_plugin
from feedback.training.devices import several_devices
from feedback.training.distillation_loss import DistillationLoss
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.state import Progress
from feedback.training.validation import decibel, validation_error
from feedback.training_set import ChannelStream, TrainingSet
from feedback.user_error import one_line, user_line
from linksim.errors import InputError
from linksim.execution.worker_logs import LogSender, WorkerLogs
from linksim.files import needed_tensors
from linksim.preparation.adaptation import adaptation_record, load_unadapted, unadapted
from linksim.preparation.fitting import fit_generator, load_normalisation
from linksim.preparation.kept_axes import KeptAxes
from linksim.preparation.output_room import keep_somewhere
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, adaptation_of
from linksim.preparation.stored_weights import cheapest_storage
from linksim.preparation.taken_channels import TakenForm, taken_channels
from linksim.preparation.taken_sequences import SequenceForm, taken_sequences
from linksim.preparation.teacher import load_teacher, teacher_of
from linksim.preparation.trained_network import trained_network
from linksim.preparation.training_log import TrainingLog, note_surpassed
from linksim.preparation.weights_origin import START, TEACHER, teacher_record
from linksim.scenario.identity import with_contents
from linksim.scenario.model import Scenario
from linksim.scenario.motion import motion_of
from linksim.scenario.sources import device_of, source_of
from linksim.scenario.true_channels import truncated_channels

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOGGER = logging.getLogger(__name__)

STATE_FILE, _HELD_FILE = "state.pt", "held.pt"
# Validation channels that other figures of a network are taken of.
_DIAGNOSED = 200


@dataclass(frozen=True)
class TrainingTask:
    """One network to train, in whatever process.

    Attributes:
        spec: the network and the point that needs it.
        file: where its weights go.
        training_file: the training set.
        fitted: folder of the fitted normalisation.
        log: folder of its log and state.
        command: what the user typed, for the weights' document.
        devices: processes with one device each.
        kept: weights in the zoo that stay where they are better on the validation channels.
    """

    spec: SchemeSpec
    file: Path
    training_file: Path
    fitted: Path
    log: Path
    command: str
    devices: int = 1
    kept: Path | None = None


class TrainingFailedError(InputError):
    """A network could not be trained; the line says which, and why."""


def train_network(task: TrainingTask) -> CheckpointInfo | TrainingFailedError:
    """Trains one network and keeps its weights; an error that is the network's own is given back, not raised."""
    if task.devices == 1:
        try:
            _train(None, task)
        except TrainingFailedError as error:
            return error
    else:
        scenario = task.spec.scenario
        fabric = several_devices(device_of(scenario).type, task.devices, recipe_of(task.spec))
        logs = WorkerLogs(multiprocessing.get_context("spawn"))
        try:
            fabric.launch(partial(_train, task=task, logs=logs.sender))
        except BaseException:
            logs.abandon()
            raise
        logs.close()
    return read_info(task.file)


def recipe_of(spec: SchemeSpec) -> TrainingRecipe:
    """How a network is trained: its own recipe, over it the scenario's keys and its section's; within the budget.

    Raises:
        InputError: if such keys do not go with what is below them.
    """
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    training = spec.scenario.training
    sections = training.recipe, compressor.settings.recipe
    try:
        recipe = compressor.recipe_with(*sections, adapted=spec.adapted_to is not None)
    except FeedbackInputError as error:
        raise InputError(f"compressors: {spec.label}: recipe: {error}") from None
    recipe = recipe.resolved(compressor.starts_as_klt).for_phases(compressor.settings.phases_are_chosen)
    if spec.adapted_to is not None:
        return adaptation_of(spec).recipe(recipe)
    return recipe if training.budget is None else training.budget.of(recipe)


def training_record(spec: SchemeSpec, command: str) -> dict[str, object]:
    """What a checkpoint's document says of its training: every parameter of the channel, and the command."""
    scenario = spec.scenario
    record = {
        "command": command,
        "scenario": scenario.name,
        "channel": scenario.channel.model_dump(mode="json"),
        "transform": scenario.transform.model_dump(mode="json"),
        "samples": scenario.training.network_samples,
        "fresh": scenario.training.fresh,
        "validation_samples": scenario.training.validation_samples,
    }
    if scenario.estimation.timing != "perfect":
        record["timing"] = scenario.estimation.timing
    if spec.parameters.traits.learns_over_time:
        record["motion"] = motion_of(scenario)
    if spec.parameters.traits.takes == "eigenvectors":
        record["n_subbands"] = scenario.sgcs.n_subbands
    if with_contents(record["channel"], "channel") != record["channel"]:
        # So that the key can be checked where the files are not at hand.
        record["trained_for"] = spec.trained_for
    return record | (teacher_record(spec) if spec.adapted_to is None else adaptation_record(spec, spec.adapted_to))


def _train(fabric: "Fabric | None", task: TrainingTask, logs: LogSender | None = None) -> None:
    if logs is not None:
        logs.install()
    scenario, spec = task.spec.scenario, task.spec
    device = device_of(scenario) if fabric is None else fabric.device
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    compressor.to(device)
    parts = needed_tensors(task.training_file)
    train, validation = (torch.view_as_complex(parts[split].to(device)) for split in ("train", "validation"))
    fresh = scenario.training.fresh and spec.adapted_to is None
    stream = None
    if fresh:
        over_time = compressor.learns_over_time
        form = SequenceForm.of(spec) if over_time else TakenForm.of(compressor)
        stream = fresh_channels(scenario, task.fitted, device, form)
    training = TrainingSet(train, validation, stream, KeptAxes(task.fitted))
    recipe = recipe_of(spec)
    state_file = task.log / STATE_FILE
    with closing(TrainingLog(task.log, resumed=state_file.exists())) as log, _named(spec):

        def on_progress(progress: Progress) -> None:
            log.add(progress)
            left_min = progress.seconds * (1 / progress.spent - 1) / 60 if progress.spent else 0.0
            line = f"{spec.title}: {progress.spent:.0%}, {progress.samples} channels, "
            line += f"{progress.validation_nmse_db:.2f} dB, {left_min:.1f} min left"
            _LOGGER.info(line)

        def on_start(nmse_db: float) -> None:
            log.start(nmse_db)
            _LOGGER.info("%s: start, %.2f dB", spec.title, nmse_db)

        # Weights that it comes from may be trained anew by the time that it is done, or goes on after a kill.
        record = training_record(spec, task.command)
        origin = {key: record[key] for key in (TEACHER, START) if key in record}
        options = TrainingOptions(
            on_start=on_start, on_progress=on_progress, state_file=state_file, fabric=fabric, origin=origin
        )
        distillation, teacher = compressor.settings.distillation, teacher_of(spec)
        if spec.adapted_to is not None:
            start = load_unadapted(spec).state()
            options = replace(options, start=start, stages=adaptation_of(spec).stages)
        elif distillation is not None and teacher is not None:
            trained = load_teacher(spec, teacher).to(device)
            loss = DistillationLoss(distillation, trained.encoder, trained.decoder)
            options = replace(options, loss=loss, stages=distillation.stages)
        else:
            options = replace(options, held_file=task.log / _HELD_FILE)
        outcome = compressor.train_networks(training, recipe, fit_generator(scenario, "network"), options)
    if fabric is not None and not fabric.is_global_zero:
        return
    with _named(spec):
        distinct = max(len(train), outcome.samples_seen) if fresh else len(train)
        if spec.adapted_to is not None:
            distinct += read_info(weights_file(unadapted(spec))).learnt_from or 0
        learnt, before = compressor.state(), options.start or {}
        kept = frozenset(name for name, tensor in before.items() if torch.equal(tensor, learnt[name].to(tensor)))
        stored = cheapest_storage(compressor, compressor.training_matrices(training).validation, kept)
        save = partial(
            save_checkpoint,
            compressor=compressor,
            training=record,
            recipe=recipe,
            outcome=outcome,
            seed=scenario.seed,
            diagnostics=compressor.diagnostics(compressor.training_matrices(training).validation[:_DIAGNOSED]),
            distinct_channels=distinct,
            stored=stored,
        )
        # Weights in the zoo have been through their storage: so have those that would take their place.
        reached_db = outcome.validation_nmse_db + (stored.cost_db or 0.0)
        stays = task.kept is not None and _is_better(task, task.kept, compressor, training, reached_db)
    if stays:
        note_surpassed(task.log, outcome.samples_seen)
    else:
        keep_somewhere(save, task.file, [task.log])
    state_file.unlink(missing_ok=True)


@contextmanager
def _named(spec: SchemeSpec) -> Iterator[None]:
    """Errors of a network say which it is, those of a user's own file where in it they happened.

    Raises:
        TrainingFailedError: in place of them.
    """
    try:
        yield
    except FeedbackInputError as error:
        raise TrainingFailedError(f"{spec.title}: {error}") from error
    except (InputError, OSError):
        raise
    except Exception as error:
        if not isinstance(spec.parameters, PluginParameters):
            raise
        file = split_plugin(spec.parameters.plugin)[0]
        place = user_line(error, file.parent) or str(file)
        raise TrainingFailedError(f"{spec.title}: plugin: {place}: got {one_line(error)} in training") from error


def _is_better(
    task: TrainingTask, file: Path, trained: NeuralCompressor, training: TrainingSet, nmse_db: float
) -> bool:
    """Whether the weights that the zoo has are better on the validation channels than those just trained."""
    try:
        kept = trained_network(task.spec, file)
    except FeedbackInputError as damage:
        _LOGGER.warning("%s: %s; what was just trained takes their place", task.spec.title, damage)
        return False
    csi, errors = trained.training_matrices(training).validation, trained.suited(TrainingOptions()).errors
    kept.to(csi.device)
    error = validation_error(kept.autoencoder(), csi, trained.settings.disturbance, errors=errors)
    if (found := decibel(error)) >= nmse_db:
        return False
    _LOGGER.warning(
        "%s: %.2f dB on validation where the weights in %s reach %.2f dB: these stay",
        *(task.spec.title, nmse_db, file, found),
    )
    return True


def fresh_channels(
    scenario: Scenario, fitted: Path, device: torch.device, form: TakenForm | SequenceForm
) -> ChannelStream:
    """Channels of a generator's endless training split as a network takes them, or sequences, made when asked for.

    Raises:
        InputError: if the source is a file.
    """
    available = source_of(scenario).n_samples("train")
    if available is not None:
        raise InputError(
            f"training.fresh: got true with a source of {available} training channels, expected a generator, or false"
        )
    normalisation = load_normalisation(scenario, fitted)

    def stream(start: int, stop: int) -> Tensor:
        if isinstance(form, SequenceForm):
            made = taken_sequences(scenario, form, normalisation, "train", start, stop)
            return torch.from_numpy(made).to(device)
        if form.takes != "truncated":
            made = taken_channels(scenario, form, normalisation, "train", start, stop)
            return torch.from_numpy(made).to(device)
        csi = torch.from_numpy(truncated_channels(scenario, "train", start, stop))
        return normalisation.apply(csi, normalisation.scale(csi)).to(device)

    return stream
