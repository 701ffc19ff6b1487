"""Channels that CRNet at 1/16 sees until -9.5 dB: our training against the public recipe of CRNet, in the same run.

Both learn from the same indoor COST 2100 channels and are validated on the same. The public recipe: drawn weights,
Adam, batches of 200, a learning rate that rises to 2e-3 and falls as a cosine to 5e-5. Its step is the fastest of plain
PyTorch, fused Adam, channels last and ``torch.compile`` where that works; it may go on for as long as ours took. Times
are those that one core worked, so that other load on the machine matters little.
"""

import contextlib
import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.comparison import Comparison
from channels.source import BLOCK_SIZE
from channels.source_parameters import Split
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from feedback.compressors.crnet import CrNet
from feedback.csi_report.normalisation import Normalisation
from feedback.layers.images import to_unit_interval
from feedback.training.options import TrainingOptions
from feedback.training.schedule import learning_rate
from feedback.training.state import Progress
from feedback.training.validation import decibel, validation_nmse
from feedback.training_set import TrainingSet

FIGURE_DB = -9.5
RATIO = 16
N_DELAY = 32
N_SAMPLES = 75_000
N_VALIDATION = 1000
N_TIMED = 5


class FigureReachedError(Exception):
    """The figure is reached."""


@dataclass
class Course:
    """How a training went: core seconds, channels seen and NMSE in dB at every validation."""

    begun: float = field(default_factory=time.process_time)
    seconds: list[float] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    nmse_db: list[float] = field(default_factory=list)

    def add(self, seen: int, nmse_db: float) -> None:
        self.seconds.append(time.process_time() - self.begun)
        self.seen.append(seen)
        self.nmse_db.append(nmse_db)
        if nmse_db <= FIGURE_DB:
            raise FigureReachedError

    def row(self, name: str, rate: float) -> tuple[str, ...]:
        last = self.nmse_db[-1]
        sign = "" if last <= FIGURE_DB else ">"
        return name, f"{rate:.0f}", f"{sign}{self.seen[-1]}", f"{sign}{self.seconds[-1]:.0f}", f"{last:.2f}"


def main() -> None:
    ours, rate, variant, peer_rate, peer = courses()
    table = Table(
        title=f"CRNet at 1/{RATIO}, COST 2100 indoors, 1 thread: to {FIGURE_DB} dB on {N_VALIDATION} channels"
    )
    for column in ("training", "samples/s", "channels seen", "core time, s", "NMSE then, dB"):
        table.add_column(column, justify="left" if column == "training" else "right")
    table.add_row(*ours.row("ours, its start included", rate))
    table.add_row(*peer.row(f"public recipe, {variant}", peer_rate))
    Console(width=120).print(table)


def comparisons() -> list[Comparison]:
    """The speed of a step; and what the public recipe has come to when ours is there, in the words of its row."""
    ours, rate, variant, peer_rate, peer = courses()
    what = (
        f"CRNet at 1/{RATIO} learns: {ours.nmse_db[-1]:.2f} dB after {ours.seen[-1]} channels; in the same core "
        f"time the public recipe is at {peer.nmse_db[-1]:.2f} dB"
    )
    return [Comparison("crnet_training", what, rate, peer_rate, f"PyTorch, {variant}")]


def courses() -> tuple[Course, float, str, float, Course]:
    """Ours with its samples per second; the public recipe's fastest variant, its samples per second and course."""
    train, validation = channels("train", N_SAMPLES), channels("validation", N_VALIDATION)
    ours, rate = our_course(TrainingSet(train, validation))
    return ours, rate, *public_course(train, validation, ours.seconds[-1])


def channels(split: Split, count: int) -> Tensor:
    """Normalised angular-delay matrices ``[count, Na, Nt]``."""
    source = Cost2100Source(Cost2100Parameters(environment="indoor"), seed=1, device=torch.device("cpu"))
    starts = range(0, count, BLOCK_SIZE)
    made = [source.read_truncated(split, first, min(first + BLOCK_SIZE, count), N_DELAY) for first in starts]
    csi, normalisation = torch.cat(made), Normalisation("per_sample")
    return normalisation.apply(csi, normalisation.scale(csi))


def crnet(**parameters: str) -> CrNet:
    return CrNet(CrNet.Parameters(name="crnet", compression_ratio=RATIO, **parameters), (N_DELAY, 32))


def our_course(training: TrainingSet) -> tuple[Course, float]:
    """The default recipe within ``N_SAMPLES``; and its samples per second between validations."""
    compressor, course = crnet(), Course()

    def on_progress(progress: Progress) -> None:
        course.add(progress.samples, progress.validation_nmse_db)

    recipe = compressor.default_recipe.with_budget(samples=N_SAMPLES)
    with contextlib.suppress(FigureReachedError):
        compressor.train_networks(
            training, recipe, torch.Generator().manual_seed(1), TrainingOptions(on_progress=on_progress)
        )
    seconds, seen = course.seconds, course.seen
    return course, (seen[-1] - seen[0]) / (seconds[-1] - seconds[0])


def public_course(train: Tensor, validation: Tensor, core_seconds: float) -> tuple[str, float, Course]:
    """The fastest variant's name, its samples per second, and how it went within the core time."""
    rates = {name: batch_rate(step, train) for name, step, _ in public_steps()}
    fastest = max(rates, key=rates.__getitem__)
    (step, network) = next((step, network) for name, step, network in public_steps() if name == fastest)
    recipe, course = CrNet.paper_recipe, Course()
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))
    try:
        for start in range(0, len(train), recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            step(to_unit_interval(train[rows]), learning_rate(recipe, (start + len(rows)) / len(train), 0.0, 1.0))
            if (start // recipe.batch_size) % 10 == 9 or start + recipe.batch_size >= len(train):
                network.eval()
                course.add(start + len(rows), decibel(validation_nmse(network[0], network[1], validation)))
                network.train()
                if course.seconds[-1] > core_seconds:
                    break
    except FigureReachedError:
        pass
    return fastest, rates[fastest], course


Step = Callable[[Tensor, float], None]


def public_steps() -> Iterator[tuple[str, Step, nn.Sequential]]:
    """Each way to take the same step: its name, the step of a batch at a learning rate, the network."""
    drawn = crnet(init="xavier")
    # Otherwise its compiler keeps a pool of processes, which one core has no use for.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    for name in ("plain", "fused Adam", "fused Adam, channels last", "fused Adam, compiled"):
        network = nn.Sequential(copy.deepcopy(drawn.encoder), copy.deepcopy(drawn.decoder)).train()
        if "channels last" in name:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.Adam(network.parameters(), fused=name != "plain")
        forward = torch.compile(network) if "compiled" in name else network
        yield name, stepper(forward, optimiser, channels_last="channels last" in name), network


def stepper(forward: Callable[[Tensor], Tensor], optimiser: torch.optim.Optimizer, channels_last: bool) -> Step:
    def step(images: Tensor, rate: float) -> None:
        if channels_last:
            images = images.to(memory_format=torch.channels_last)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        nn.functional.mse_loss(forward(images), images).backward()
        optimiser.step()

    return step


def batch_rate(step: Step, train: Tensor) -> float:
    """Samples per second of core time; 0 where the step does not work, as without a C++ compiler."""
    batch_size = CrNet.paper_recipe.batch_size
    images = to_unit_interval(train[:batch_size])
    seconds = []
    try:
        for _ in range(N_TIMED + 1):
            begun = time.process_time()
            step(images, 1e-3)
            seconds.append(time.process_time() - begun)
    except RuntimeError:
        return 0.0
    return batch_size / median(seconds[1:])


if __name__ == "__main__":
    main()
