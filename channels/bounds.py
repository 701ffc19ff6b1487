"""Bounds on what a file from elsewhere may make its reader do, asked before anything is allocated.

A few bytes can declare any size, and compressed data can unpack to a thousand times what is stored. So every reader
compares what a file declares with what the file holds, and with the memory that is free.
"""

import os
import resource
from typing import Final

import psutil

from channels.errors import ChannelInputError

# As many as a scenario may ask of any source.
MOST_SUBCARRIERS: Final = 65536
# zlib packs at most 1032 bytes into one (258 bytes in two bits); matrices of channels, even sparse ones, a few dozen.
DEFLATE_LARGEST_RATIO: Final = 1032
_LARGEST_RATIO: Final = 100
_UNPACKED_WITHOUT_QUESTION: Final = 64 << 20
_SHARE: Final = 0.5
_SMALL: Final = 16 << 20
# Links, cells, or fields of structs that are walked through one at a time.
_MOST_ITEMS: Final = 1 << 22


def memory_bound() -> int:
    """Bytes that one read may take: half of the memory that is free, also inside ``ulimit -v``."""
    free = psutil.virtual_memory().available
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - psutil.Process(os.getpid()).memory_info().vms)
    return max(0, int(_SHARE * free))


def require_memory(n_bytes: int, what: str) -> None:
    """Refuses what does not fit into memory.

    Args:
        n_bytes: bytes that are to be allocated.
        what: file and variable, for the error message.

    Raises:
        ChannelInputError: if there are more than ``memory_bound``.
    """
    # Asking what is free takes longer than small things are worth.
    if n_bytes <= _SMALL:
        return
    bound = memory_bound()
    if n_bytes > bound:
        raise ChannelInputError(f"{what}: got {size_text(n_bytes)}, expected at most {size_text(bound)} of memory")


def require_stored(n_bytes: int, stored: int, what: str) -> None:
    """Refuses a variable that declares more than the file holds.

    Args:
        n_bytes: bytes that the variable's shape and type need.
        stored: bytes that the file has for it.
        what: file and variable, for the error message.

    Raises:
        ChannelInputError: if the file holds fewer.
    """
    if n_bytes > stored:
        raise ChannelInputError(
            f"{what}: got {size_text(stored)} in the file, expected {size_text(n_bytes)} as its shape says: "
            "truncated, damaged or not all written"
        )


def require_ratio(n_bytes: int, packed: int, what: str) -> None:
    """Refuses compressed data that unpack to far more than any channels do.

    Args:
        n_bytes: bytes unpacked, declared or met so far.
        packed: bytes in the file.
        what: file and variable, for the error message.

    Raises:
        ChannelInputError: if there are more than 64 MiB, and more than 100 times the packed ones.
    """
    if n_bytes > max(_UNPACKED_WITHOUT_QUESTION, _LARGEST_RATIO * packed):
        raise ChannelInputError(
            f"{what}: got {size_text(n_bytes)} or more packed into {size_text(packed)}, expected at most "
            f"{_LARGEST_RATIO} times as much; save such a file without compression"
        )


def require_items(count: int, what: str) -> None:
    """Refuses more links, cells or fields than anybody's simulation has.

    Raises:
        ChannelInputError: if there are more than 4 million.
    """
    if count > _MOST_ITEMS:
        raise ChannelInputError(f"{what}: got {count} cells, structs or fields, expected at most {_MOST_ITEMS}")


def size_text(n_bytes: int) -> str:
    """A number of bytes for people: ``3.1 GiB``."""
    if n_bytes < 1024:
        return f"{n_bytes} B"
    power = min(4, (n_bytes.bit_length() - 1) // 10)
    return f"{n_bytes / 1024**power:.4g} {'KMGT'[power - 1]}iB"
