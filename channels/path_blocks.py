"""Arbitrary ranges of samples out of a generator that draws whole blocks."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch

from channels.channel_batch import Paths
from channels.source import BLOCK_SIZE


def read_in_blocks(draw_block: Callable[[int], Paths], start: int, stop: int) -> Paths:
    """Samples ``start`` to ``stop - 1``, the same whatever range they are asked for in.

    Args:
        draw_block: gives block ``b``: samples ``b BLOCK_SIZE`` to ``(b + 1) BLOCK_SIZE - 1``.
        start: first sample.
        stop: one past the last sample, ``start < stop``.
    """
    parts: list[list[Any]] = []
    for block in range(start // BLOCK_SIZE, (stop - 1) // BLOCK_SIZE + 1):
        first = block * BLOCK_SIZE
        rows = slice(max(start - first, 0), min(stop - first, BLOCK_SIZE))
        paths = draw_block(block)
        tensors = [getattr(paths, field.name) for field in fields(Paths)]
        parts.append([None if tensor is None else tensor[rows] for tensor in tensors])
    columns: list[Any] = [None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True)]
    return Paths(*columns)
