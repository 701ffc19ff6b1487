"""Runs a scenario: prepares, evaluates every point, keeps each as soon as it is finished."""

import math
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from channels.source import BLOCK_SIZE
from linksim.chain import Measurements, merge
from linksim.complexity_table import write_complexity
from linksim.dimension_check import check_points
from linksim.executor import Executor, default_workers, local_executor
from linksim.preparation import Preparation
from linksim.run_folder import RunFolder
from linksim.sample_values import gather_shards, samples_file, shard_folder
from linksim.scenario import Scenario
from linksim.scenario_source import device_of
from linksim.stage_times import StageTimes
from linksim.sweep import Point, points_of
from linksim.training_run import train_missing
from linksim.worker import measure_shard


@dataclass(frozen=True)
class RunOptions:
    """How to run, as far as it changes no result.

    Attributes:
        workers: worker processes; ``None`` takes one a core, or one for a GPU.
        train: train networks whose weights are missing.
        command: what the user typed, for the manifest.
    """

    workers: int | None = None
    train: bool = False
    command: str = ""


def run(scenario: Scenario, out: Path, options: RunOptions, console: Console) -> RunFolder:
    """Runs a scenario, or the rest of it if it was run before.

    Returns:
        The run's folder, with the scenario, manifest and results.

    Raises:
        InputError: for a scenario, file or option that cannot be used.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    points = points_of(scenario)
    device = device_of(scenario)
    check_points(points)
    folder = RunFolder(out, scenario)
    times = StageTimes()
    with local_executor(options.workers or default_workers(device)) as executor:
        preparation = Preparation(folder, executor, lambda line: console.print(f"[dim]{line}[/]"), device)
        with times.stage("training and fitting"):
            if options.train:
                train_missing(points, preparation, console, options.command, folder.path / "training")
            preparation.prepare(points)
        fitted = {point.key: preparation.fingerprint(point) for point in points}
        measure_points(points, fitted, folder, executor, times, console)
    write_complexity(scenario, folder.path)
    times.seconds["whole run"] = time.perf_counter() - clock
    folder.write_manifest(_manifest(scenario, started, times, options.command, device))
    return folder


def measure_points(
    points: Sequence[Point],
    fitted: dict[str, str],
    folder: RunFolder,
    executor: Executor,
    times: StageTimes,
    console: Console,
) -> None:
    """Evaluates the points that are not finished; results of every finished one are on disk at any moment."""
    finished = {
        point.key: measured for point in points if (measured := folder.load_point(point, fitted[point.key])) is not None
    }
    if finished:
        console.print(f"[dim]{len(finished)} of {len({point.key for point in points})} points were finished before[/]")
    pending = list({point.key: point for point in points if point.key not in finished}.values())
    shards = [(point, start, stop) for point in pending for start, stop in _shards(point.scenario)]
    open_shards = {point.key: sum(1 for other, *_ in shards if other.key == point.key) for point in pending}
    partial: dict[str, Measurements] = {point.key: {} for point in pending}
    samples = {point.key: shard_folder(folder.path, point.key, fitted[point.key]) for point in pending}
    tasks = [
        (point.scenario, folder.fitted, folder.channels, samples[point.key], start, stop)
        for point, start, stop in shards
    ]
    with _progress(console, len(pending), len(tasks)) as shard_finished:
        for number, (measured, spent) in executor.run(measure_shard, tasks):
            point = shards[number][0]
            times.add(spent)
            merge(partial[point.key], measured)
            open_shards[point.key] -= 1
            if open_shards[point.key] == 0:
                gather_shards(samples[point.key], samples_file(folder.path, point.key))
                folder.save_point(point, fitted[point.key], partial[point.key])
                finished[point.key] = partial.pop(point.key)
                folder.write_results((point, finished[point.key]) for point in points if point.key in finished)
            shard_finished(point if open_shards[point.key] == 0 else None)
    folder.write_results((point, finished[point.key]) for point in points)


def _shards(scenario: Scenario) -> Iterator[tuple[int, int]]:
    """Ranges of test channels, each a task: the batch size rounded up to whole blocks."""
    size = BLOCK_SIZE * math.ceil(scenario.monte_carlo.batch_size / BLOCK_SIZE)
    for start in range(0, scenario.monte_carlo.samples, size):
        yield start, min(start + size, scenario.monte_carlo.samples)


@contextmanager
def _progress(console: Console, n_points: int, n_shards: int) -> Iterator[Callable[[Point | None], None]]:
    """A bar in a terminal, a line for each finished point elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"0 of {n_points} points", total=n_shards)
        n_finished = 0

        def shard_finished(point: Point | None) -> None:
            """Takes the point that the shard was the last one of, if it was."""
            nonlocal n_finished
            n_finished += point is not None
            progress.update(task, advance=1, description=f"{n_finished} of {n_points} points")
            if point is not None and not console.is_terminal:
                axes = ", ".join(f"{axis} = {value}" for axis, value in point.axes.items())
                console.print(f"point {n_finished} of {n_points}: {point.sweep} {axes}", highlight=False)

        yield shard_finished


def _manifest(
    scenario: Scenario, started: datetime, times: StageTimes, command: str, device: torch.device
) -> dict[str, Any]:
    packages = ("linksim", "torch", "sionna-no-rt", "numpy", "scipy", "pandas", "h5py", "matplotlib")
    return {
        "scenario": scenario.name,
        "description": scenario.description,
        "command": command,
        "seed": scenario.seed,
        "samples": scenario.monte_carlo.samples,
        "git_commit": _git_commit(),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": len(os.sched_getaffinity(0)),
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        },
        "wall_time_s": {name: round(seconds, 2) for name, seconds in times.seconds.items()},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
