"""Trains the networks of a scenario into its zoo, one core each.

A network is trained on one thread, so that its digits do not depend on how many are trained at once. Each run keeps
its log and, until it is finished, its state in a folder of its own: the same command continues what was killed.
"""

import logging
import multiprocessing
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from feedback.checkpoint import CheckpointInfo, load_checkpoint, read_info, save_checkpoint
from feedback.extras import require_extra
from feedback.neural import NeuralCompressor
from feedback.number_text import number_text
from feedback.training.devices import several_devices
from feedback.training.distillation_loss import DistillationLoss
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.state import Progress
from feedback.training.validation import decibel, validation_nmse
from feedback.training_set import ChannelStream, TrainingSet
from linksim.errors import InputError
from linksim.execution.executor import InProcess
from linksim.execution.options import ExecutionOptions
from linksim.execution.worker_logs import LogSender, WorkerLogs
from linksim.files import kept_tensors, needed_tensors, save_tensors
from linksim.preparation.adaptation import adaptation_record, load_unadapted, unadapted
from linksim.preparation.dimension_check import check_points
from linksim.preparation.fitting import fit_generator, load_normalisation
from linksim.preparation.kept_axes import KeptAxes
from linksim.preparation.prepare import Preparation, adaptation_of, weights_file
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, schemes_of
from linksim.preparation.taken_channels import TakenForm, taken_channels
from linksim.preparation.teacher import load_teacher, teacher_of
from linksim.preparation.training_log import TrainingLog, finished_samples
from linksim.preparation.weights_origin import outdated, teacher_record
from linksim.preparation.zoo_room import keep_somewhere, require_room
from linksim.scenario.identity import training_set_key, with_contents
from linksim.scenario.model import Scenario
from linksim.scenario.paths import zoo_folders
from linksim.scenario.sources import device_of, source_of
from linksim.scenario.sweep import Point, points_of
from linksim.scenario.true_channels import truncated_channels
from linksim.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOGGER = logging.getLogger(__name__)

_STATE_FILE = "state.pt"
# Validation channels that other figures of a network are taken of.
_DIAGNOSED = 200
_TURNS = 3
UNIMPROVED = "training did not improve on the start; the weights that are kept are those of the start"


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


@dataclass(frozen=True)
class TrainingRun:
    """What to train, and where.

    Attributes:
        command: what the user typed; goes into the weights' documents.
        again: train also what the zoo has.
        to_budget: train also what the zoo has after fewer channels than the budget, and keep the better weights.
        devices: processes with one device each for every network.
    """

    command: str
    again: bool = False
    to_budget: bool = False
    devices: int = 1


def train_scenario(
    scenario: Scenario, out: Path, run: TrainingRun, execution: ExecutionOptions | None = None
) -> list[Path]:
    """Trains what a scenario's points need and the zoo lacks.

    Args:
        scenario: with its sweeps.
        out: folder of all results.
        run: what of it to train.
        execution: where; by default one process a core.

    Returns:
        Folders of the logs, ``<out>/training/<scenario name>/<network>``, also of networks that have none.
    """
    device, execution = device_of(scenario), execution or ExecutionOptions()
    logs = out / "training" / scenario.name
    points = points_of(scenario)
    check_points(points, to_be_tested=False)
    # Training channels are files that workers read, on a cluster from a folder that all machines share.
    shared = None if execution.scheduler is None else logs
    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=shared) as scratch, execution.open_executor(device) as executor:
        train_missing(points, Preparation(RunFolder(Path(scratch), scenario), executor, device), run, logs)
    return [log_folder(out, spec, file) for file, spec in needed_weights(points).items()]


def log_folder(out: Path, spec: SchemeSpec, file: Path) -> Path:
    """Folder of a network's training log.

    Args:
        out: of all results.
        spec: the network, and a point of the scenario that it is trained for.
        file: of its weights.
    """
    return out / "training" / spec.scenario.name / _log_name(spec, file)


def needed_weights(points: Sequence[Point]) -> dict[Path, SchemeSpec]:
    """Files of the weights that some points need, and what they are for."""
    needed = [spec for point in points for spec in schemes_of(point) if is_trained(spec)]
    needed = [*(unadapted(spec) for spec in needed if spec.adapted_to is not None), *needed]
    return {weights_file(spec): spec for spec in needed}


def train_missing(points: Sequence[Point], preparation: Preparation, run: TrainingRun, logs: Path) -> None:
    """Trains the networks of some points whose weights are not in the zoo, or not at their budget."""
    specs = needed_weights(points)
    wanted = [
        (file, spec)
        for file, spec in specs.items()
        if run.again or not _holds(file, spec) or (run.to_budget and not at_budget(file, spec, logs))
    ]
    if len(wanted) < len(specs):
        kept = f"{len(specs) - len(wanted)} of {len(specs)} networks are in the zoo"
        left = "whatever their seed, budget and recipe were; `linksim train --again` trains them anew"
        left = "at their budget or beyond it" if run.to_budget else left
        _LOGGER.info("%s, %s", kept, left)
    chosen = [file for file, _ in wanted]
    for file, spec in specs.items():
        info = None if file in chosen else read_info(file)
        if info is not None and info.seed != spec.scenario.seed:
            line = f"{_name(spec)}: kept, trained with seed {info.seed}, {info.samples_seen} channels seen, in {file}; "
            line += f"the scenario's seed is {spec.scenario.seed}, and weights of one seed serve all"
            _LOGGER.info(line)
    if wanted:
        require_extra("train", "training")
    # Not where weights were found: those that ship in an installation stay as they are.
    found = {file.name: file for file, _ in wanted if run.to_budget and file.exists()}
    wanted = [(zoo_folders(spec.scenario)[0] / file.name, spec) for file, spec in wanted]
    require_room({file: _stored_bytes(spec) for file, spec in wanted})
    for _, spec in wanted:
        # A wrong teacher is told before channels are made for its student.
        teacher_of(spec)
    tasks = []
    for file, spec in wanted:
        preparation.fit_normalisation(spec.scenario)
        training_file = _training_file(spec, preparation)
        fitted = preparation.folder.fitted
        log = logs / _log_name(spec, file)
        better = found.get(file.name)
        tasks.append(TrainingTask(spec, file, training_file, fitted, log, run.command, run.devices, better))
    executor = preparation.executor if run.devices == 1 else InProcess()
    for part in ([task for task in tasks if _turn(task.spec) == turn] for turn in range(_TURNS)):
        for number, info in executor.run(train_network, [(task,) for task in part]):
            task = part[number]
            others = "".join(f", {name} {value:.2g}" for name, value in info.diagnostics.items())
            line = f"{_name(task.spec)}: {info.validation_nmse_db:.2f} dB on validation{others}, kept in {task.file}"
            _LOGGER.info(line)
            if not info.improved:
                _LOGGER.warning("%s: %s", _name(task.spec), UNIMPROVED)
    for training_file in {task.training_file for task in tasks}:
        training_file.unlink()


def _holds(file: Path, spec: SchemeSpec) -> bool:
    """Whether the zoo has a network's weights, from the teacher or start that it has."""
    if not file.exists():
        return False
    reason = outdated(spec, read_info(file))
    if reason is not None:
        _LOGGER.info("%s: %s; it is trained anew", _name(spec), reason)
    return reason is None


def at_budget(file: Path, spec: SchemeSpec, logs: Path) -> bool:
    """Whether weights that the zoo has saw as many channels as their budget, or were better than some that did.

    Args:
        file: of the weights.
        spec: what they are for.
        logs: folder of the scenario's training logs.
    """
    wanted = samples_of(spec)
    if wanted is None or read_info(file).samples_seen >= wanted:
        return True
    return finished_samples(logs / _log_name(spec, file)) >= wanted


def samples_of(spec: SchemeSpec) -> int | None:
    """Training channels that a network's budget sees; ``None`` for a budget of time."""
    recipe, training = recipe_of(spec), spec.scenario.training
    steps = recipe.steps(max(training.network_samples // recipe.batch_size, 1))
    return None if steps is None else steps * min(recipe.batch_size, training.network_samples)


def train_network(task: TrainingTask) -> CheckpointInfo:
    """Trains one network and keeps its weights."""
    if task.devices == 1:
        _train(None, task)
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
    """How a network is trained: as its own section says, or its scenario, or itself; within the scenario's budget."""
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    training = spec.scenario.training
    own = compressor.default_recipe if spec.adapted_to is None else compressor.adaptation_recipe
    recipe = (compressor.settings.recipe or training.recipe or own).resolved(compressor.starts_as_klt)
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
    stream = fresh_channels(scenario, task.fitted, device, TakenForm.of(compressor)) if fresh else None
    training = TrainingSet(train, validation, stream, KeptAxes(task.fitted))
    recipe = recipe_of(spec)
    state_file = task.log / _STATE_FILE
    with closing(TrainingLog(task.log, resumed=state_file.exists())) as log:

        def on_progress(progress: Progress) -> None:
            log.add(progress)
            left_min = progress.seconds * (1 / progress.spent - 1) / 60 if progress.spent else 0.0
            line = f"{_name(spec)}: {progress.spent:.0%}, {progress.samples} channels, "
            line += f"{progress.validation_nmse_db:.2f} dB, {left_min:.1f} min left"
            _LOGGER.info(line)

        def on_start(nmse_db: float) -> None:
            log.start(nmse_db)
            _LOGGER.info("%s: start, %.2f dB", _name(spec), nmse_db)

        options = TrainingOptions(on_start=on_start, on_progress=on_progress, state_file=state_file, fabric=fabric)
        distillation, teacher = compressor.settings.distillation, teacher_of(spec)
        if spec.adapted_to is not None:
            start = load_unadapted(spec).state()
            options = replace(options, start=start, stages=adaptation_of(spec).stages)
        elif distillation is not None and teacher is not None:
            trained = load_teacher(spec, teacher).to(device)
            loss = DistillationLoss(distillation, trained.encoder, trained.decoder)
            options = replace(options, loss=loss, stages=distillation.stages)
        outcome = compressor.train_networks(training, recipe, fit_generator(scenario, "network"), options)
    if fabric is None or fabric.is_global_zero:
        record = training_record(spec, task.command)
        distinct = max(len(train), outcome.samples_seen) if fresh else len(train)
        if spec.adapted_to is not None:
            distinct += read_info(weights_file(unadapted(spec))).learnt_from or 0
        save = partial(
            save_checkpoint,
            compressor=compressor,
            training=record,
            recipe=recipe,
            outcome=outcome,
            seed=scenario.seed,
            diagnostics=compressor.diagnostics(compressor.training_matrices(training).validation[:_DIAGNOSED]),
            distinct_channels=distinct,
        )
        if task.kept is None or not _is_better(task, compressor, training, outcome.validation_nmse_db):
            keep_somewhere(save, task.file, [task.log])


def _is_better(task: TrainingTask, trained: NeuralCompressor, training: TrainingSet, nmse_db: float) -> bool:
    """Whether the weights that the zoo has are better on the validation channels than those just trained."""
    assert task.kept is not None
    kept = task.spec.build().compressor
    assert isinstance(kept, NeuralCompressor)
    load_checkpoint(task.kept, kept)
    csi, errors = trained.training_matrices(training).validation, trained.suited(TrainingOptions()).errors
    kept.to(csi.device)
    error = validation_nmse(kept.encoder, kept.decoder, csi, trained.settings.disturbance, errors=errors)
    if (found := decibel(error)) >= nmse_db:
        return False
    _LOGGER.warning(
        "%s: %.2f dB on validation where the weights in %s reach %.2f dB: these stay",
        *(_name(task.spec), nmse_db, task.kept, found),
    )
    return True


def fresh_channels(scenario: Scenario, fitted: Path, device: torch.device, form: TakenForm) -> ChannelStream:
    """Channels of the endless training split of a generator as a network takes them, made when they are asked for.

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
        if form.takes != "truncated":
            made = taken_channels(scenario, form, normalisation, "train", start, stop)
            return torch.from_numpy(made).to(device)
        csi = torch.from_numpy(truncated_channels(scenario, "train", start, stop))
        return normalisation.apply(csi, normalisation.scale(csi)).to(device)

    return stream


def _training_file(spec: SchemeSpec, preparation: Preparation) -> Path:
    """The training set as a file, for the processes that train on it."""
    samples = None if spec.adapted_to is None else adaptation_of(spec).samples
    key = training_set_key(spec.scenario, spec.parameters, spec.adapted_to, samples)
    file = preparation.folder.fitted / f"training-{key}.safetensors"
    if kept_tensors(file) is None:
        training = preparation.network_training_set(spec)
        splits = {"train": training.train, "validation": training.validation}
        save_tensors(file, {name: torch.view_as_real(csi) for name, csi in splits.items()})
    return file


def _stored_bytes(spec: SchemeSpec) -> int:
    """Bytes of a network's weights in float32."""
    return sum(4 * tensor.numel() for tensor in spec.build().compressor.state().values())


def _turn(spec: SchemeSpec) -> int:
    """Teachers before their students, and both before what starts from their weights."""
    if spec.adapted_to is not None:
        return 2
    return 0 if getattr(spec.parameters, "distillation", None) is None else 1


def _log_name(spec: SchemeSpec, file: Path) -> str:
    """Label, compression ratio and the weights' key."""
    label = re.sub(r"[^A-Za-z0-9.+-]+", "_", spec.label)
    return f"{label}-cr{number_text(spec.parameters.compression_ratio or 0)}-{file.stem.rpartition('-')[2]}"


def _name(spec: SchemeSpec) -> str:
    return spec.title
