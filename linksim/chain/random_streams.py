"""One random stream per (purpose, sample), derived from the scenario's seed.

Results then depend on neither batch size, order nor worker, and points of a sweep share their draws, so that
differences between points and between compressors are paired.
"""

from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor


def stream_seed(seed: int, purpose: str, index: int) -> int:
    """63-bit seed of one stream."""
    digest = blake2b(f"{seed}/{purpose}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def normal_draw(
    seed: int, purpose: str, start: int, stop: int, device: torch.device
) -> Callable[[tuple[int, ...]], Tensor]:
    """Standard normal draws for samples ``start`` to ``stop - 1``.

    Returns:
        A function of a shape that gives ``[stop - start, *shape]``, float32, on ``device``. It draws on the CPU, so
        that a GPU sees the same digits. Calling it again continues every sample's stream.
    """
    generators: list[torch.Generator] = []

    def draw(shape: tuple[int, ...]) -> Tensor:
        # Many a stage that may draw draws nothing.
        if not generators:
            generators.extend(torch.Generator().manual_seed(stream_seed(seed, purpose, i)) for i in range(start, stop))
        out = torch.empty(stop - start, *shape)
        for row, generator in zip(out, generators, strict=True):
            torch.randn(shape, generator=generator, out=row)
        return out.to(device)

    return draw


def report_draw(
    seed: int, purpose: str, start: int, count: int, age: int, device: torch.device
) -> Callable[[tuple[int, ...]], Tensor]:
    """As ``normal_draw``, of a report ``age`` reports before the newest, whose draws depend on no other report."""
    stream = f"{purpose} {age} reports ago" if age else purpose
    return normal_draw(seed, stream, start, start + count, device)
