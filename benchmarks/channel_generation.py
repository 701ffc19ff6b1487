"""Speed of 3GPP TR 38.901 channel generation: this package against the same Sionna model with two ways to a response.

UMa NLOS at 28 GHz, 32 BS antennas, 1024 subcarriers over 20 MHz: from the drop to the full-band frequency response, and
to the 32 x 32 angular-delay matrix. All draw from the same model, the peers by Sionna's own rays and sum over rays;
ours also aligns and normalises. Peers are Sionna's OFDM step at the batch size that suits it best, and a product of the
paths with their phases over the band, in three lines of PyTorch, with as many drops a call as suit it best. Sionna's
model alone, without any response, bounds both. All take turns on one thread, and what counts is the time that the core
worked on them, so that other load on the machine matters little.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.comparison import Comparison
from channels.channel_batch import Snapshots
from channels.random_streams import stream_seed
from channels.source import BLOCK_SIZE
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.drops import UserDrops
from channels.sources.sionna.models import SionnaModel
from channels.sources.sionna.source import BLOCKS_PER_DRAW, SionnaSource
from channels.transforms.frequency_response import frequency_response

N_ROUNDS = 6
N_DELAY = 32
# Drops of a call of Sionna's model, and of one of its OFDM step.
CALLS = (BLOCK_SIZE, BLOCKS_PER_DRAW * BLOCK_SIZE)
PEER_BATCHES = (1, 5, BLOCK_SIZE)

OURS = {"": "channels.SionnaSource, full band", "FFT": "channels.SionnaSource, truncated matrix"}

# Makes the channels of some blocks.
Generator = Callable[[range], Tensor]


def main() -> None:
    source = SionnaSource(SionnaParameters(), seed=1, device=torch.device("cpu"))
    console = Console(width=120)
    default_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    console.print(speed_table(source))
    console.print(f"largest relative difference of a link, same paths: {largest_difference(source):.1e}")
    torch.set_num_threads(default_threads)


def comparisons() -> list[Comparison]:
    """Full band and truncated, each against the best of Sionna's OFDM steps and the best product over its paths."""
    source = SionnaSource(SionnaParameters(), seed=1, device=torch.device("cpu"))
    rates = rates_of(source)
    shapes = {"": "full band", "FFT": "32 x 32 matrices"}
    names = {"OFDM": "Sionna's model and `cir_to_ofdm_channel`", "product": "a product over Sionna's paths"}
    rows = []
    for ending, shape in shapes.items():
        ours = rates[OURS[ending]]
        for kind, name in names.items():
            key = f"uma_{'truncated' if ending else 'full'}_{kind.lower()}"
            what = f"UMa 28 GHz, 32 antennas, 1024 subcarriers, {shape} made"
            rows.append(Comparison(key, what, ours, best_peer(rates, kind, ending), name))
    return rows


def rates_of(source: SionnaSource) -> dict[str, float]:
    """Samples per second of core time of every way."""
    peer = SionnaModel(source.parameters, source.device, sum_of_sionna=True)
    generators: dict[str, tuple[Generator, int]] = {
        OURS[""]: (partial(read, source), BLOCKS_PER_DRAW),
        OURS["FFT"]: (partial(read_truncated, source), BLOCKS_PER_DRAW),
        "channels.SionnaSource, paths alone": (partial(read_paths, source), BLOCKS_PER_DRAW),
    }
    for drops in CALLS:
        n_blocks = drops // BLOCK_SIZE
        product = partial(product_response, source, peer)
        generators[f"Sionna, paths alone, {drops} drops"] = (partial(paths_of_sionna, source, peer), n_blocks)
        generators[f"Sionna, product over its paths, {drops} drops"] = (product, n_blocks)
        generators[f"Sionna, product over its paths, {drops} drops, FFT"] = (partial(truncated, product), n_blocks)
    for batch in PEER_BATCHES:
        step = partial(ofdm_response, source, peer, batch)
        generators[f"Sionna, OFDM step in batches of {batch}"] = (step, 1)
        generators[f"Sionna, OFDM step in batches of {batch}, FFT"] = (partial(truncated, step), 1)
    return samples_per_second(generators)


def speed_table(source: SionnaSource) -> Table:
    rates = rates_of(source)
    table = Table(title=f"UMa 28 GHz, 32 x 1024, one core, median of {N_ROUNDS} rounds")
    table.add_column("generator", no_wrap=True)
    table.add_column("samples/s of core time", justify="right")
    ways = {"full band": "", "truncated": "FFT"}
    peers = {
        (kind, way): best_peer(rates, kind, ending) for kind in ("OFDM", "product") for way, ending in ways.items()
    }
    for kind, way in peers:
        table.add_column(f"ratio to best {kind}, {way}", justify="right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:.1f}", *(f"{rate / peer_rate:.1f}" for peer_rate in peers.values()))
    return table


def best_peer(rates: dict[str, float], kind: str, ending: str) -> float:
    """The fastest peer of a kind that ends with an FFT, or that does not."""
    return max(rate for name, rate in rates.items() if kind in name and name.endswith("FFT") == bool(ending))


def samples_per_second(generators: dict[str, tuple[Generator, int]]) -> dict[str, float]:
    """Median over rounds of core time; the generators take turns, and each gets blocks that it has not seen."""
    seconds: dict[str, list[float]] = {name: [] for name in generators}
    for index in range(N_ROUNDS + 1):
        for name, (generate, n_blocks) in generators.items():
            start = time.process_time()
            generate(range(index * n_blocks, (index + 1) * n_blocks))
            seconds[name].append((time.process_time() - start) / (n_blocks * BLOCK_SIZE))
    # The first round makes models and warms up.
    return {name: 1 / median(times[1:]) for name, times in seconds.items()}


def read(source: SionnaSource, blocks: range) -> Tensor:
    return source.read("test", blocks.start * BLOCK_SIZE, blocks.stop * BLOCK_SIZE, Snapshots()).response


def read_truncated(source: SionnaSource, blocks: range) -> Tensor:
    return source.read_truncated("validation", blocks.start * BLOCK_SIZE, blocks.stop * BLOCK_SIZE, N_DELAY)


def read_paths(source: SionnaSource, blocks: range) -> Tensor:
    first, last = blocks.start * BLOCK_SIZE, blocks.stop * BLOCK_SIZE
    return source.read_paths("train", first, last, Snapshots()).coefficients


def paths_of_sionna(source: SionnaSource, model: SionnaModel, blocks: range) -> Tensor:
    return impulse_response(source, model, blocks)[0]


def impulse_response(source: SionnaSource, model: SionnaModel, blocks: range) -> tuple[Tensor, Tensor]:
    drops = UserDrops.joined([source.drops("test", block) for block in blocks])
    return model.impulse_response(drops, Snapshots(), stream_seed(source.seed, "test", blocks.start, "rays"))


def truncated(response: Generator, blocks: range) -> Tensor:
    matrix = torch.fft.ifft(response(blocks), dim=-1, norm="ortho")[..., :N_DELAY]
    return torch.fft.fft(matrix, dim=-2, norm="ortho").mT


def product_response(source: SionnaSource, model: SionnaModel, blocks: range) -> Tensor:
    """Response ``[n_drops, n_tx, n_subcarriers]`` by one matrix product a link."""
    coefficients, delays = impulse_response(source, model, blocks)
    phase = -2 * torch.pi * delays[:, 0, 0, :, None] * source.grid.frequencies_hz().to(delays.dtype)
    return coefficients[:, 0, 0, 0, ..., 0] @ torch.polar(torch.ones_like(phase), phase)


def ofdm_response(source: SionnaSource, model: SionnaModel, batch: int, blocks: range) -> Tensor:
    """Sionna's response ``[n_drops, n_tx, n_subcarriers]`` to the paths that some blocks draw."""
    from sionna.phy.channel import cir_to_ofdm_channel

    coefficients, delays = impulse_response(source, model, blocks)
    frequencies = source.grid.frequencies_hz()
    parts = [
        cir_to_ofdm_channel(frequencies, a, tau)[:, 0, 0, 0, :, 0]
        for a, tau in zip(coefficients.split(batch), delays.split(batch), strict=True)
    ]
    return torch.cat(parts)


def largest_difference(source: SionnaSource) -> float:
    """Largest over the links of a block, relative to the link's norm."""
    seed = stream_seed(source.seed, "test", 0, "rays")
    paths = source.model.draw(source.drops("test", 0), Snapshots(), seed)
    ours = frequency_response(paths, source.grid)[:, 0].mT
    peer = SionnaModel(source.parameters, source.device, sum_of_sionna=True)
    theirs = ofdm_response(source, peer, 5, range(1))
    error = torch.linalg.vector_norm(ours - theirs, dim=(1, 2)) / torch.linalg.vector_norm(theirs, dim=(1, 2))
    return float(error.max())


if __name__ == "__main__":
    main()
