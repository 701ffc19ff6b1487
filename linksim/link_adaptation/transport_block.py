"""How many bits a slot carries: transport block size (3GPP TS 38.214, 5.1.3.2), code blocks (TS 38.212, 5.2.2).

Without PyTorch.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

from linksim.link_adaptation.coding_schemes import Scheme

# Symbols of a slot with normal cyclic prefix.
SLOT_SYMBOLS = 14
# Resource elements of a block's 168 that its size may count (TS 38.214, 5.1.3.2), for each of its 12 subcarriers.
COUNTED_SYMBOLS = 13

_LARGEST_OF_TABLE = 3824
# TS 38.214, Table 5.1.3.2-1.
_SIZES = (
    *range(24, 193, 8),
    *range(208, 385, 16),
    *(408, 432, 456, 480, 504, 528, 552, 576, 608, 640, 672, 704, 736, 768, 808, 848, 888, 928, 984, 1032, 1064, 1128),
    *(1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088),
    *(2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824),
)


@dataclass(frozen=True)
class TransportBlock:
    """Bits of a slot.

    Attributes:
        size: bits of information, 0 where there is no resource element.
        n_code_blocks: code blocks that they are cut into.
        code_block_size: bits of each that are encoded, checksums included.
        coded_bits: bits of all that are sent.
    """

    size: int
    n_code_blocks: int
    code_block_size: int
    coded_bits: int

    @property
    def code_rate(self) -> float:
        """Bits that are encoded over those that are sent."""
        return self.n_code_blocks * self.code_block_size / self.coded_bits


def transport_block(
    scheme: Scheme, n_layers: int, n_resource_elements: int, counted: int | None = None
) -> TransportBlock:
    """The transport block of a slot.

    Args:
        scheme: modulation and code rate.
        n_layers: layers that share it.
        n_resource_elements: of the slot that data may take, in each layer.
        counted: of these, those that the size is made of, all by default: of each resource block's 168 elements the
            standard counts 156 at most.
    """
    if n_resource_elements < 1:
        return TransportBlock(0, 1, _SIZES[0], 1)
    coded_bits = n_resource_elements * scheme.order * n_layers
    counted = n_resource_elements if counted is None else min(counted, n_resource_elements)
    size = _size(counted * scheme.rate * scheme.order * n_layers, scheme.rate)
    second_graph = size <= 292 or (size <= _LARGEST_OF_TABLE and scheme.rate <= 0.67) or scheme.rate <= 0.25
    largest = 3840 if second_graph else 8448
    with_checksum = size + (24 if size > _LARGEST_OF_TABLE else 16)
    if with_checksum <= largest:
        return TransportBlock(size, 1, with_checksum, coded_bits)
    count = math.ceil(with_checksum / (largest - 24))
    return TransportBlock(size, count, math.ceil(with_checksum / count) + 24, coded_bits)


def _size(bits: float, rate: float) -> int:
    """Size for ``N_info`` bits."""
    if bits <= _LARGEST_OF_TABLE:
        step = 2 ** max(3, math.floor(math.log2(bits)) - 6)
        return _SIZES[bisect_left(_SIZES, max(_SIZES[0], step * math.floor(bits / step)))]
    step = 2 ** (math.floor(math.log2(bits - 24)) - 5)
    whole = max(3840, step * math.floor((bits - 24) / step + 0.5)) + 24
    largest = 3816 if rate <= 0.25 else 8424
    count = math.ceil(whole / largest) if rate <= 0.25 or whole - 24 > 8424 else 1
    return 8 * count * math.ceil(whole / (8 * count)) - 24
