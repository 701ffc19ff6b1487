"""Division of the OFDM band into subbands of nearly equal width."""

from itertools import pairwise

from linksim.errors import InputError


def subbands(n_subcarriers: int, n_subbands: int) -> list[slice]:
    """Subbands as slices of consecutive subcarriers, whose widths differ by at most one.

    Raises:
        InputError: if there are fewer subcarriers than subbands.
    """
    if not 1 <= n_subbands <= n_subcarriers:
        raise InputError(f"n_subbands: got {n_subbands}, expected 1 to {n_subcarriers} (subcarriers)")
    edges = [index * n_subcarriers // n_subbands for index in range(n_subbands + 1)]
    return [slice(low, high) for low, high in pairwise(edges)]
