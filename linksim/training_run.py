"""Trains the networks of a scenario into its zoo."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from feedback.checkpoint import save_checkpoint
from feedback.neural import NeuralCompressor
from linksim.executor import default_workers, local_executor
from linksim.fitting import SchemeSpec, fit_generator, scheme_specs, training_description
from linksim.preparation import Preparation, is_trained, weights_file
from linksim.run_folder import RunFolder
from linksim.scenario import Scenario
from linksim.scenario_source import device_of
from linksim.sweep import Point, points_of


def train_scenario(scenario: Scenario, again: bool, workers: int | None, console: Console) -> None:
    """Trains what a scenario's points need and the zoo lacks; everything if ``again``."""
    device = device_of(scenario)
    folder = RunFolder(Path(scenario.zoo) / ".training", scenario)
    with local_executor(workers or default_workers(device)) as executor:
        preparation = Preparation(folder, executor, console.print, device)
        train_missing(points_of(scenario), preparation, console, again)


def train_missing(points: Sequence[Point], preparation: Preparation, console: Console, again: bool = False) -> None:
    """Trains the networks of some points whose weights are not in the zoo."""
    specs = {spec.key: spec for point in points for spec in scheme_specs(point.scenario) if is_trained(spec)}
    files = {weights_file(spec): spec for spec in specs.values()}
    for file, spec in files.items():
        if again or not file.exists():
            preparation.fit_normalisation(spec.scenario)
            _train(spec, file, preparation, console)


def _train(spec: SchemeSpec, file: Path, preparation: Preparation, console: Console) -> None:
    compressor = spec.build().compressor
    assert isinstance(compressor, NeuralCompressor)
    compressor.to(preparation.device)
    training = preparation.network_training_set(spec.scenario)
    recipe = compressor.parameters.recipe or spec.scenario.training.recipe
    title = f"training {spec.label} at CR {spec.parameters.compression_ratio:g}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(title, total=recipe.epochs)

        def on_epoch(epoch: int, train_loss: float, validation_nmse_db: float) -> None:
            progress.update(task, completed=epoch, description=f"{title}: {validation_nmse_db:.2f} dB")

        generator = fit_generator(spec.scenario, "network")
        outcome = compressor.train(training, recipe, generator, on_epoch)
    save_checkpoint(
        file,
        compressor,
        training_description(spec.scenario),
        recipe=recipe,
        outcome=outcome,
        seed=spec.scenario.seed,
    )
    console.print(f"{title}: {outcome.validation_nmse_db:.2f} dB on validation, kept in {file}")
