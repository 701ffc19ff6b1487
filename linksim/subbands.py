"""Division of the OFDM band into subbands of nearly equal width."""

from itertools import pairwise
from typing import Final

from linksim.errors import InputError

# 52 resource blocks in subbands of 4, as TR 38.843 evaluates CSI compression.
DEFAULT_SUBBANDS: Final = 13


def subbands(n_subcarriers: int, n_subbands: int | None = None, key: str = "n_subbands") -> list[slice]:
    """Subbands as slices of consecutive subcarriers, whose widths differ by at most one.

    Args:
        n_subcarriers: frequency points of the band.
        n_subbands: how many; by default 13, or as many as there are subcarriers if these are fewer.
        key: the scenario's key of their number, for the message.

    Raises:
        InputError: if there are fewer subcarriers than subbands.
    """
    if n_subbands is None:
        n_subbands = min(DEFAULT_SUBBANDS, n_subcarriers)
    if not 1 <= n_subbands <= n_subcarriers:
        raise InputError(f"{key}: got {n_subbands}, expected 1 to {n_subcarriers} (subcarriers)")
    edges = [index * n_subcarriers // n_subbands for index in range(n_subbands + 1)]
    return [slice(low, high) for low, high in pairwise(edges)]
