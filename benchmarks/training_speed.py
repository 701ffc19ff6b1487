"""Speed of a training step on a CPU against the fastest step of the same network that PyTorch offers.

Peers: the plain eager loop with ``torch.optim.Adam`` as it comes, fused Adam, channels last, and ``torch.compile``. All
start from the same weights and take turns, so that other load on the machine meets all. Ours and the compiled one are
built before.
"""

import contextlib
import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.comparison import Comparison, best
from feedback.compressor import COMPRESSORS
from feedback.cpu_kernels.acceleration import accelerated, memory_kept

NAMES = ("crnet", "acrnet-1x", "acrnet-10x")
SHAPE = (32, 32)
BATCH = 200
N_ROUNDS = 5
# A step of a slow peer takes many seconds; one more after the first tells enough.
SLOW_SECONDS = 5.0
OURS = "ours"


def main() -> None:
    table = Table(title=f"training, batch {BATCH}, ratio 1/4, samples per second of core time")
    for column in ("network", "step", "samples/s", "ours over it"):
        table.add_column(column, justify="left" if column in ("network", "step") else "right")
    for name in NAMES:
        rates, difference = figures(name)
        for step, rate in rates.items():
            table.add_row(name, step, f"{rate:.0f}", f"{rates[OURS] / rate:.1f}" if rate else "does not work here")
        table.add_row(name, "relative difference of gradients to plain", f"{difference:.0e}", "")
    Console(width=120).print(table)


def comparisons() -> list[Comparison]:
    """One for each network, against its fastest peer."""
    rows = []
    for name in NAMES:
        rates, _ = figures(name)
        peer, rate = best(rates, OURS)
        rows.append(Comparison(f"{name}_step", f"{name}, step of {BATCH}, 1/4", rates[OURS], rate, f"PyTorch, {peer}"))
    return rows


def figures(name: str) -> tuple[dict[str, float], float]:
    """Samples per second of core time of every step, 0 where it does not work; how far first gradients differ."""
    compressor_class = COMPRESSORS.get_class(name)
    compressor = compressor_class(compressor_class.Parameters(name=name, compression_ratio=4), SHAPE)
    network = nn.Sequential(compressor.encoder, compressor.decoder).train()
    images = 0.5 + 0.05 * torch.randn(BATCH, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    steps = dict(peer_steps(network, images))
    ours = copy.deepcopy(network)
    plain = copy.deepcopy(network)
    step = stepper(ours, images, torch.optim.Adam(ours.parameters(), fused=True))

    def our_step() -> None:
        with accelerated(ours), memory_kept():
            step()

    our_step()
    stepper(plain, images, torch.optim.Adam(plain.parameters()))()
    first, theirs = (
        torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None]) for one in (ours, plain)
    )
    difference = float((first - theirs).norm() / theirs.norm())
    return rates_of({OURS: our_step} | steps), difference


def peer_steps(network: nn.Module, images: Tensor) -> Iterator[tuple[str, Callable[[], None]]]:
    """The ways to take the same step in PyTorch."""
    # Otherwise its compiler keeps a pool of processes, which one core has no use for.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    for variant in ("plain eager", "fused Adam", "fused Adam, channels last", "fused Adam, compiled"):
        twin, shown = copy.deepcopy(network), images
        if "channels last" in variant:
            twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            shown = images.to(memory_format=torch.channels_last)
        optimiser = torch.optim.Adam(twin.parameters(), fused="fused" in variant)
        yield variant, stepper(torch.compile(twin) if "compiled" in variant else twin, shown, optimiser)


def rates_of(steps: Mapping[str, Callable[[], None]]) -> dict[str, float]:
    """Samples per second of core time, median over rounds in turns; 0 where a step does not work."""
    working: dict[str, list[float]] = {}
    for name, step in steps.items():
        # As without a C++ compiler.
        with contextlib.suppress(RuntimeError):
            step()
            working[name] = []
    for _ in range(N_ROUNDS):
        for name, seconds in working.items():
            if not seconds or seconds[0] < SLOW_SECONDS:
                begun = time.process_time()
                steps[name]()
                seconds.append(time.process_time() - begun)
    return {name: BATCH / median(working[name]) if name in working else 0.0 for name in steps}


def stepper(
    forward: Callable[[Tensor], Tensor], images: Tensor, optimiser: torch.optim.Optimizer
) -> Callable[[], None]:
    def step() -> None:
        optimiser.zero_grad()
        nn.functional.mse_loss(forward(images), images).backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
