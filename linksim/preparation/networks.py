"""Trains the networks of a scenario into its zoo, one core each, or several on a GPU.

A network is trained on one thread, so that its digits do not depend on how many are trained at once. Each run keeps
its log and, until it is finished, its state in a folder of its own: the same command continues what was killed.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from feedback.checkpoint_info import read_info
from feedback.extras import require_extra
from feedback.number_text import number_text
from linksim.execution.executor import InProcess
from linksim.execution.options import ExecutionOptions
from linksim.files import kept_tensors, save_tensors
from linksim.preparation.dimension_check import check_points
from linksim.preparation.needed_weights import needed_weights
from linksim.preparation.network_training import TrainingFailedError, TrainingTask, recipe_of, train_network
from linksim.preparation.output_room import require_room
from linksim.preparation.prepare import Preparation
from linksim.preparation.scheme_spec import SchemeSpec, adaptation_of
from linksim.preparation.teacher import teacher_of
from linksim.preparation.training_check import check_teacher, check_trainable
from linksim.preparation.training_log import surpassed_samples
from linksim.preparation.weights_origin import outdated
from linksim.scenario.identity import training_set_key
from linksim.scenario.model import Scenario
from linksim.scenario.paths import zoo_folders
from linksim.scenario.sources import device_of
from linksim.scenario.sweep import Point, points_of
from linksim.storage.run_folder import RunFolder

_LOGGER = logging.getLogger(__name__)

# Networks that are trained at once on a GPU, one process each: what these small networks leave idle of it while one
# process prepares a step, makes channels or validates, others use.
_PER_GPU = 4
UNIMPROVED = "training did not improve on the start; the weights that are kept are those of the start"


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
        execution: where; by default one process a core, or four a GPU.

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
    with TemporaryDirectory(dir=shared) as scratch, execution.open_executor(device, _PER_GPU) as executor:
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


def train_missing(points: Sequence[Point], preparation: Preparation, run: TrainingRun, logs: Path) -> None:
    """Trains the networks of some points whose weights are not in the zoo, or not at their budget.

    Raises:
        TrainingFailedError: that of the first network which could not be trained, once all others are.
    """
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
            line = f"{spec.title}: kept, trained with seed {info.seed}, {info.samples_seen} channels seen, in {file}; "
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
        check_teacher(spec, {file.name for file, _ in wanted})
        check_trainable(spec)
    tasks = []
    for file, spec in wanted:
        preparation.fit_normalisation(spec.scenario)
        training_file = _training_file(spec, preparation)
        fitted = preparation.folder.fitted
        log = logs / _log_name(spec, file)
        better = found.get(file.name)
        tasks.append(TrainingTask(spec, file, training_file, fitted, log, run.command, run.devices, better))
    executor = preparation.executor if run.devices == 1 else InProcess()
    failures: list[TrainingFailedError] = []
    turns = [_turn(task.spec) for task in tasks]
    for part in ([task for task, own in zip(tasks, turns, strict=True) if own == turn] for turn in sorted(set(turns))):
        for number, info in executor.run(train_network, [(task,) for task in part]):
            if isinstance(info, TrainingFailedError):
                _LOGGER.error("%s", info)
                failures.append(info)
                continue
            task = part[number]
            others = "".join(f", {name} {value:.2g}" for name, value in info.diagnostics.items())
            line = f"{task.spec.title}: {info.validation_nmse_db:.2f} dB on validation{others}, kept in {task.file}"
            if info.cost_of_storage_db is not None and task.file.exists():
                size = task.file.stat().st_size
                line += f", {size / 1e6:.2f} MB ({info.storage}, which costs {info.cost_of_storage_db:.3f} dB)"
            _LOGGER.info(line)
            if not info.improved:
                _LOGGER.warning("%s: %s", task.spec.title, UNIMPROVED)
    for training_file in {task.training_file for task in tasks}:
        training_file.unlink()
    if failures:
        raise failures[0]


def _holds(file: Path, spec: SchemeSpec) -> bool:
    """Whether the zoo has a network's weights, from the teacher or start that it has."""
    if not file.exists():
        return False
    reason = outdated(spec, read_info(file))
    if reason is not None:
        _LOGGER.info("%s: %s; it is trained anew", spec.title, reason)
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
    return surpassed_samples(logs / _log_name(spec, file)) >= wanted


def samples_of(spec: SchemeSpec) -> int | None:
    """Training channels that a network's budget sees; ``None`` for a budget of time."""
    count = spec.scenario.training.network_samples
    recipe = recipe_of(spec).for_channels(count)
    steps = recipe.steps(count // recipe.batch_size)
    return None if steps is None else steps * recipe.batch_size


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


def _turn(spec: SchemeSpec) -> tuple[bool, int]:
    """Teachers before their students, who may teach others, and all of them before what starts from their weights."""
    teacher = teacher_of(spec)
    return spec.adapted_to is not None, 0 if teacher is None else 1 + _turn(teacher)[1]


def _log_name(spec: SchemeSpec, file: Path) -> str:
    """Label, compression ratio and the weights' key."""
    label = re.sub(r"[^A-Za-z0-9.+-]+", "_", spec.label)
    return f"{label}-cr{number_text(spec.parameters.compression_ratio or 0)}-{file.stem.rpartition('-')[2]}"
