"""Speed of training on a CPU: our training step against a plain eager loop of the same network.

The plain loop is PyTorch as it comes: its own convolutions, and ``torch.optim.Adam`` with its defaults. Both start from
the same weights and take turns, so that other load on the machine meets both. The kernels are compiled before.
"""

import copy
import time
from collections.abc import Callable
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.cpu_kernels.acceleration import accelerated, memory_kept

NAMES = ("crnet", "acrnet-1x", "acrnet-10x")
SHAPE = (32, 32)
BATCH = 200
N_ROUNDS = 7
# A plain step of ACRNet-10x takes many seconds; one more after the first tells enough.
SLOW_SECONDS = 5.0


def main() -> None:
    default_threads = torch.get_num_threads()
    for threads in sorted({1, default_threads}):
        torch.set_num_threads(threads)
        Console(width=120).print(speed_table(NAMES))
    torch.set_num_threads(default_threads)


def speed_table(names: tuple[str, ...]) -> Table:
    threads = torch.get_num_threads()
    table = Table(title=f"training, batch {BATCH}, ratio 1/4, {threads} thread(s), median of up to {N_ROUNDS} steps")
    for column in ("network", "ours, samples/s", "plain eager, samples/s", "ratio", "relative difference of gradients"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name in names:
        ours, plain, difference = figures(name)
        table.add_row(name, f"{ours:.0f}", f"{plain:.0f}", f"{ours / plain:.1f}", f"{difference:.0e}")
    return table


def figures(name: str) -> tuple[float, float, float]:
    """Samples per second of ours and of the plain loop; how far their first gradients differ."""
    compressor_class = COMPRESSORS.get_class(name)
    compressor = compressor_class(compressor_class.Parameters(name=name, compression_ratio=4), SHAPE)
    network = nn.Sequential(compressor.encoder, compressor.decoder).train()
    twin = copy.deepcopy(network)
    images = 0.5 + 0.05 * torch.randn(BATCH, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    step = stepper(network, images, torch.optim.Adam(network.parameters(), fused=True))
    plain_step = stepper(twin, images, torch.optim.Adam(twin.parameters()))

    with accelerated(network):
        step()
    plain_step()
    ours, plain = (torch.cat([p.grad.flatten() for p in one.parameters()]) for one in (network, twin))
    difference = float((ours - plain).norm() / plain.norm())

    seconds: list[float] = []
    plain_seconds: list[float] = []
    while len(seconds) < N_ROUNDS:
        with accelerated(network), memory_kept():
            step()
            seconds.append(elapsed(step))
        if not plain_seconds or plain_seconds[0] < SLOW_SECONDS:
            plain_seconds.append(elapsed(plain_step))
    return BATCH / median(seconds), BATCH / median(plain_seconds), difference


def stepper(network: nn.Module, images: Tensor, optimiser: torch.optim.Optimizer) -> Callable[[], None]:
    def step() -> None:
        optimiser.zero_grad()
        nn.functional.mse_loss(network(images), images).backward()
        optimiser.step()

    return step


def elapsed(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
