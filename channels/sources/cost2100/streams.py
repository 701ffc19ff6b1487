"""Random streams of one block of links."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.random_streams import stream_seed

# Rows per random stream of draws by rank: a longer track needs more of them, and those of a shorter one stay the same.
_RANKS_AT_A_TIME = 8


@dataclass(frozen=True)
class BlockStreams:
    """One generator per purpose, so that what is drawn for one never shifts the draws of another.

    Attributes:
        key: what the block is: seed, split, index.
        n_links: links in the block.
        device: where the draws are made; each kind of device has its own digits.
    """

    key: tuple[int | str, ...]
    n_links: int
    device: torch.device

    def generator(self, *purpose: int | str) -> torch.Generator:
        """Generator of a purpose, in its initial state."""
        return torch.Generator(self.device).manual_seed(stream_seed("cost2100", *self.key, *purpose))

    def by_rank(self, draw: Callable[..., Tensor], purpose: str, link: Tensor, rank: Tensor, n_values: int) -> Tensor:
        """Draws that depend on link and rank alone, however many others there are, ``[n, n_values]``, float32.

        Args:
            draw: ``torch.rand`` or ``torch.randn``.
            purpose: what for.
            link: link of each row, ``[n]``.
            rank: its rank among the rows of the link, ``[n]``.
            n_values: how many.
        """
        n_streams = math.ceil((int(rank.max()) + 1) / _RANKS_AT_A_TIME) if len(rank) else 0
        out = torch.empty(len(rank), n_values, device=self.device)
        for stream in range(n_streams):
            size = (self.n_links, _RANKS_AT_A_TIME, n_values)
            values = draw(*size, generator=self.generator(purpose, stream), device=self.device)
            place = rank - stream * _RANKS_AT_A_TIME
            here = (place >= 0) & (place < _RANKS_AT_A_TIME)
            out[here] = values[link[here], place[here]]
        return out
