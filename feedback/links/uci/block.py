"""What code blocks share: what they do, bits that are sent more than once, and decoders that take what others left."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

# Bits of LLRs ``[n, length]``, and which rows pass their CRC, ``[n]``, bool.
Decoder = Callable[[Tensor], tuple[Tensor, Tensor]]


class BlockCode(Protocol):
    """A code of blocks of one size, with its rate matching."""

    def encode(self, bits: Tensor) -> Tensor:
        """Bits ``[n, block_size]`` to coded bits ``[n, coded_bits]``, float32."""

    def decode(self, llr: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs ``[n, coded_bits]`` of 1 over 0 to bits ``[n, block_size]``; which blocks pass their CRC, ``[n]``."""


def combine(llr: Tensor, period: int) -> Tensor:
    """Sums LLRs ``[n, length]`` of bits that repeat with a period, ``[n, period]``."""
    whole = torch.nn.functional.pad(llr, (0, -llr.shape[1] % period))
    return whole.unflatten(1, (-1, period)).sum(dim=1)


def decode_in_turn(decoders: Sequence[Decoder], llr: Tensor) -> tuple[Tensor, Tensor]:
    """Each decoder takes what the one before left with a wrong CRC."""
    bits, passed = decoders[0](llr)
    for decoder in decoders[1:]:
        left = (~passed).nonzero().squeeze(1)
        if len(left) > 0:
            bits[left], passed[left] = decoder(llr[left])
    return bits, passed
