"""Speed of 3GPP TR 38.901 channel generation: this package against the same Sionna model with two ways to a response.

UMa NLOS at 28 GHz, 32 BS antennas, 1024 subcarriers over 20 MHz: from the drop to the full-band frequency response, and
to the 32 x 32 angular-delay matrix. All draw the same paths, the peers by Sionna's own sum over rays. Ours also aligns
and normalises. Peers are Sionna's OFDM step at the batch size that suits it best, and a product of the paths with their
phases over the band, in three lines of PyTorch. Sionna's model alone, without any response, bounds both.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.random_streams import stream_seed
from channels.source import BLOCK_SIZE
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.models import SionnaModel
from channels.sources.sionna.source import SionnaSource
from channels.transforms.frequency_response import frequency_response

N_BLOCKS = 6
N_DELAY = 32
PEER_BATCHES = (1, 5, BLOCK_SIZE)


def main() -> None:
    source = SionnaSource(SionnaParameters(), seed=1, device=torch.device("cpu"))
    source.read("test", 0, 1, Snapshots())
    console = Console(width=120)
    default_threads = torch.get_num_threads()
    for threads in sorted({1, default_threads}):
        torch.set_num_threads(threads)
        console.print(speed_table(source))
    torch.set_num_threads(default_threads)
    console.print(f"largest relative difference of a link, same paths: {largest_difference(source):.1e}")


def speed_table(source: SionnaSource) -> Table:
    peer = SionnaModel(source.parameters, source.device, sum_of_sionna=True)
    generators = {
        "channels.SionnaSource, full band": partial(read_block, source),
        "channels.SionnaSource, truncated matrix": partial(read_truncated_block, source),
        "channels.SionnaSource, paths alone": partial(paths_of, source, source.model),
        "Sionna, paths alone": partial(paths_of, source, peer),
        "Sionna, product over its paths": partial(product_response, source, peer),
        "Sionna, product over its paths, FFT": lambda block: truncated(product_response(source, peer, block)),
    }
    for batch in PEER_BATCHES:
        step = partial(ofdm_response, source, peer, batch)
        generators[f"Sionna, OFDM step in batches of {batch}"] = step
        generators[f"Sionna, OFDM step in batches of {batch}, FFT"] = partial(truncated_step, step)
    rates = samples_per_second(generators)
    peers = {name: rate for name, rate in rates.items() if "OFDM" in name or "product" in name}
    best = {fft: max(rate for name, rate in peers.items() if name.endswith("FFT") == fft) for fft in (0, 1)}

    threads = torch.get_num_threads()
    table = Table(title=f"UMa 28 GHz, 32 x 1024, {threads} thread(s), median of {N_BLOCKS} x {BLOCK_SIZE} samples")
    table.add_column("generator")
    table.add_column("samples/s", justify="right")
    table.add_column("ratio to the best peer, full band", justify="right")
    table.add_column("ratio to the best peer, truncated", justify="right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:.1f}", f"{rate / best[0]:.1f}", f"{rate / best[1]:.1f}")
    return table


def samples_per_second(generators: dict[str, Callable[[int], Tensor]]) -> dict[str, float]:
    """Median over blocks; the generators take turns, so that other load on the machine meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in generators}
    for block in range(N_BLOCKS):
        for name, generate in generators.items():
            start = time.perf_counter()
            generate(block)
            seconds[name].append(time.perf_counter() - start)
    return {name: BLOCK_SIZE / median(times) for name, times in seconds.items()}


def read_block(source: SionnaSource, block: int) -> Tensor:
    return source.read("test", block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE, Snapshots()).response


def read_truncated_block(source: SionnaSource, block: int) -> Tensor:
    return source.read_truncated("test", block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE, N_DELAY)


def paths_of(source: SionnaSource, model: SionnaModel, block: int) -> Tensor:
    return impulse_response(source, model, block)[0]


def impulse_response(source: SionnaSource, model: SionnaModel, block: int) -> tuple[Tensor, Tensor]:
    seed = stream_seed(source.seed, "test", block, "rays")
    return model.impulse_response(source.drops("test", block), Snapshots(), seed)


def truncated_step(step: Callable[[int], Tensor], block: int) -> Tensor:
    return truncated(step(block))


def truncated(response: Tensor) -> Tensor:
    matrix = torch.fft.ifft(response, dim=-1, norm="ortho")[..., :N_DELAY]
    return torch.fft.fft(matrix, dim=-2, norm="ortho").mT


def product_response(source: SionnaSource, model: SionnaModel, block: int) -> Tensor:
    """Response ``[BLOCK_SIZE, n_tx, n_subcarriers]`` by one matrix product a link."""
    coefficients, delays = impulse_response(source, model, block)
    phase = -2 * torch.pi * delays[:, 0, 0, :, None] * source.grid.frequencies_hz().to(delays.dtype)
    return coefficients[:, 0, 0, 0, ..., 0] @ torch.polar(torch.ones_like(phase), phase)


def ofdm_response(source: SionnaSource, model: SionnaModel, batch: int, block: int) -> Tensor:
    """Sionna's response ``[BLOCK_SIZE, n_tx, n_subcarriers]`` to the paths that block ``block`` draws."""
    from sionna.phy.channel import cir_to_ofdm_channel

    coefficients, delays = impulse_response(source, model, block)
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
    peer = ofdm_response(source, SionnaModel(source.parameters, source.device, sum_of_sionna=True), 5, 0)
    error = torch.linalg.vector_norm(ours - peer, dim=(1, 2)) / torch.linalg.vector_norm(peer, dim=(1, 2))
    return float(error.max())


if __name__ == "__main__":
    main()
