"""Speed of COST 2100 generation on one core: truncated matrices straight from the rays against the long way.

32 BS antennas, 1024 subcarriers, 32 delay rows, one environment per sample, drop to truncated angular-delay matrix. The
long way is the full frequency response of the same rays and its transform. Sides take turns, and what counts is the
time that the core worked on them, so that other load on the machine matters little.
"""

import time
from collections.abc import Callable
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.comparison import Comparison
from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE
from channels.sources.cost2100.source import BLOCKS_PER_DRAW, Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.transforms.angular_delay import AngularDelayTransform

N_DELAY = 32
N_ROUNDS = 5
# Blocks per round, whole draws; the long way gets fewer, for a like time.
DIRECT_BLOCKS = 4 * BLOCKS_PER_DRAW
LONG_BLOCKS = BLOCKS_PER_DRAW


def main() -> None:
    default_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    table = Table(title=f"COST 2100, truncated {N_DELAY} x 32, 1 thread, median of {N_ROUNDS} rounds")
    for column in (
        "environment",
        "direct, samples/s of core time",
        "long way, samples/s of core time",
        "ratio",
        "largest relative difference",
    ):
        table.add_column(column, justify="left" if column == "environment" else "right")
    for environment in ("indoor", "outdoor"):
        table.add_row(environment, *figures(environment))
    Console().print(table)
    torch.set_num_threads(default_threads)


def comparisons() -> list[Comparison]:
    """One for each environment."""
    rows = []
    for environment in ("indoor", "outdoor"):
        fast, slow, _ = rates(environment)
        what = f"COST 2100 {environment}s, {N_DELAY} x 32 matrices made"
        rows.append(Comparison(f"cost2100_{environment}", what, fast, slow, "the same rays through the full band"))
    return rows


def figures(environment: str) -> list[str]:
    fast, slow, error = rates(environment)
    return [f"{fast:.0f}", f"{slow:.0f}", f"{fast / slow:.1f}", f"{error:.1e}"]


def rates(environment: str) -> tuple[float, float, float]:
    """Samples per second of core time, direct and the long way; largest relative difference of a link."""
    source = Cost2100Source(Cost2100Parameters(environment=environment), seed=1, device=torch.device("cpu"))
    transform = AngularDelayTransform(source.grid, source.array, N_DELAY)

    def direct(start: int, stop: int) -> Tensor:
        return source.read_truncated("train", start, stop, N_DELAY)

    def long_way(start: int, stop: int) -> Tensor:
        return transform.truncate(source.read("train", start, stop, Snapshots()).response[:, 0])

    ours, peer = direct(0, BLOCK_SIZE), long_way(0, BLOCK_SIZE)
    error = torch.linalg.vector_norm(ours - peer, dim=(1, 2)) / torch.linalg.vector_norm(peer, dim=(1, 2))
    seconds: dict[str, list[float]] = {"direct": [], "long": []}
    for index in range(N_ROUNDS):
        seconds["direct"].append(seconds_per_sample(direct, index, DIRECT_BLOCKS))
        seconds["long"].append(seconds_per_sample(long_way, index, LONG_BLOCKS))
    fast, slow = 1 / median(seconds["direct"]), 1 / median(seconds["long"])
    return fast, slow, float(error.max())


def seconds_per_sample(generate: Callable[[int, int], Tensor], index: int, n_blocks: int) -> float:
    n_samples = n_blocks * BLOCK_SIZE
    start = time.process_time()
    generate(index * n_samples, (index + 1) * n_samples)
    return (time.process_time() - start) / n_samples


if __name__ == "__main__":
    main()
