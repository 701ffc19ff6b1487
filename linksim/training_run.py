"""Trains the networks of a scenario into its zoo, one core each.

A network is trained on one thread, so that its digits do not depend on how many are trained at once.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from safetensors.torch import load_file

from feedback.checkpoint import CheckpointInfo, save_checkpoint
from feedback.neural import NeuralCompressor
from feedback.training_set import TrainingSet
from linksim.executor import default_workers, local_executor
from linksim.fitting import SchemeSpec, fit_generator, save_whole, scheme_specs, training_description
from linksim.preparation import Preparation, is_trained, weights_file
from linksim.run_folder import RunFolder
from linksim.scenario import Scenario
from linksim.scenario_source import device_of
from linksim.sweep import Point, content_hash, points_of


def train_scenario(scenario: Scenario, again: bool, workers: int | None, console: Console, command: str) -> None:
    """Trains what a scenario's points need and the zoo lacks; everything if ``again``."""
    device = device_of(scenario)
    with TemporaryDirectory() as scratch, local_executor(workers or default_workers(device)) as executor:
        preparation = Preparation(RunFolder(Path(scratch), scenario), executor, console.print, device)
        train_missing(points_of(scenario), preparation, console, command, again)


def train_missing(
    points: Sequence[Point], preparation: Preparation, console: Console, command: str, again: bool = False
) -> None:
    """Trains the networks of some points whose weights are not in the zoo; the command goes into their documents."""
    specs = {weights_file(spec): spec for point in points for spec in scheme_specs(point.scenario) if is_trained(spec)}
    wanted = [(file, spec) for file, spec in specs.items() if again or not file.exists()]
    tasks = []
    for file, spec in wanted:
        preparation.fit_normalisation(spec.scenario)
        tasks.append((spec, file, _training_file(spec.scenario, preparation), command))
    for number, info in preparation.executor.run(train_network, tasks):
        name = _name(wanted[number][1])
        console.print(f"{name}: {info.validation_nmse_db:.2f} dB on validation, kept in {wanted[number][0]}")
    for training_file in {task[2] for task in tasks}:
        training_file.unlink()


def train_network(spec: SchemeSpec, file: Path, training_file: Path, command: str) -> CheckpointInfo:
    """Trains one network, in whatever process this is, and keeps its weights."""
    device = device_of(spec.scenario)
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    compressor.to(device)
    parts = load_file(training_file, device=str(device))
    training = TrainingSet(*(torch.view_as_complex(parts[split]) for split in ("train", "validation")))
    recipe = compressor.parameters.recipe or spec.scenario.training.recipe or compressor.default_recipe
    started = time.monotonic()

    def on_epoch(epoch: int, train_loss: float, validation_nmse_db: float) -> None:
        left_min = (time.monotonic() - started) / epoch * (recipe.epochs - epoch) / 60
        line = f"{_name(spec)}: epoch {epoch} of {recipe.epochs}, {validation_nmse_db:.2f} dB, {left_min:.0f} min left"
        print(line, file=sys.stderr, flush=True)

    generator = fit_generator(spec.scenario, "network")
    outcome = compressor.train(training, recipe, generator, on_epoch)
    record = training_record(spec.scenario, command)
    return save_checkpoint(file, compressor, record, recipe=recipe, outcome=outcome, seed=spec.scenario.seed)


def training_record(scenario: Scenario, command: str) -> dict[str, object]:
    """What a checkpoint's document says of its training: every parameter of the channel, and the command."""
    return {
        "command": command,
        "scenario": scenario.name,
        "channel": scenario.channel.model_dump(mode="json"),
        "transform": scenario.transform.model_dump(mode="json"),
        "samples": scenario.training.network_samples,
        "validation_samples": scenario.training.validation_samples,
    }


def _training_file(scenario: Scenario, preparation: Preparation) -> Path:
    """The training set as a file, for the processes that train on it."""
    key = content_hash([training_description(scenario), scenario.training.model_dump(mode="json"), scenario.seed])
    file = preparation.folder.fitted / f"training-{key}.safetensors"
    if not file.exists():
        training = preparation.network_training_set(scenario)
        splits = {"train": training.train, "validation": training.validation}
        save_whole({name: torch.view_as_real(csi) for name, csi in splits.items()}, file)
    return file


def _name(spec: SchemeSpec) -> str:
    return f"{spec.parameters.name} at CR {spec.parameters.compression_ratio:g}"
