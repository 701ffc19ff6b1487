"""Training and channels on the device that is there: samples per second of wall time, by ``python -m``.

One network at a time in this process; on a GPU with its steps captured as a CUDA graph and without, beside one core of
the machine. Wall time, as a GPU's work is not this process's: nothing else should run.
"""

import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table

from channels.source import BLOCK_SIZE
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from feedback.compressor import COMPRESSORS
from feedback.neural import NeuralCompressor
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.state import Progress
from feedback.training_set import TrainingSet

NAMES = ("csinet", "crnet", "acrnet-10x")
SHAPE = (32, 32)
RATIO = 16
BATCH = 50
N_STEPS = 100
N_CHANNELS = 500


def main() -> None:
    torch.set_num_threads(1)
    there = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if there.type == "cuda" else "no GPU, one core"
    table = Table(title=f"{name}: batches of {BATCH}, ratio 1/{RATIO}, wall time")
    for column in ("what", "device", "samples/s"):
        table.add_column(column, justify="right" if column == "samples/s" else "left")
    for what, device, rate in rates(there):
        table.add_row(what, device, f"{rate:.0f}")
    Console(width=120).print(table)


def rates(there: torch.device) -> Iterator[tuple[str, str, float]]:
    """What was measured, where, and samples per second."""
    cpu = torch.device("cpu")
    for name in NAMES:
        yield f"training {name}", "cpu", training_rate(name, cpu)
        if there != cpu:
            yield f"training {name}, captured", there.type, training_rate(name, there)
            with patch("feedback.training.captured_step.why_not_captured", lambda *_: "for comparison"):
                yield f"training {name}, kernel by kernel", there.type, training_rate(name, there)
    for device in dict.fromkeys((cpu, there)):
        yield "channels of COST 2100 indoors", device.type, channel_rate(device)


def training_rate(name: str, device: torch.device, n_steps: int = N_STEPS) -> float:
    """Samples per second of the training loop's last steps, validations left out."""
    compressor_class = COMPRESSORS.get_class(name)
    made = compressor_class(compressor_class.Parameters(name=name, compression_ratio=RATIO), SHAPE)
    assert isinstance(made, NeuralCompressor)
    made.to(device)
    csi = torch.randn(25 * BATCH, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    training = TrainingSet((0.05 * csi).to(device), (0.05 * csi[:BATCH]).to(device))
    recipe = TrainingRecipe(samples=n_steps * BATCH, batch_size=BATCH, optimiser="muon", ema_decay=0.97)
    at: list[tuple[int, float]] = []

    def note(progress: Progress) -> None:
        wait(device)
        at.append((progress.samples, time.perf_counter()))

    made.train_networks(training, recipe, torch.Generator().manual_seed(1), TrainingOptions(on_progress=note))
    # The first part warms up.
    (first, begun), (last, ended) = at[0], at[-1]
    return (last - first) / (ended - begun)


def channel_rate(device: torch.device, n_channels: int = N_CHANNELS) -> float:
    """Channels per second, made block by block as training asks for them."""
    source = Cost2100Source(Cost2100Parameters(source="cost2100", environment="indoor"), seed=1, device=device)

    def make(start: int, stop: int) -> None:
        for first in range(start, stop, BLOCK_SIZE):
            source.read_truncated("train", first, min(first + BLOCK_SIZE, stop), SHAPE[0])
        wait(device)

    make(0, BLOCK_SIZE)
    return n_channels / seconds(lambda: make(BLOCK_SIZE, BLOCK_SIZE + n_channels))


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def wait(device: torch.device) -> None:
    """Until a device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
