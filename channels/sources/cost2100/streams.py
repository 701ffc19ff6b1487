"""Random streams of one block of links."""

from dataclasses import dataclass

import torch

from channels.random_streams import stream_seed


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
