"""Numbers of combinations: how TS 38.214 (5.2.2.2.3, 5.2.2.2.5) codes sets of beams and of taps."""

import math
from functools import lru_cache

import torch
from torch import Tensor


def combination_number(chosen: Tensor, total: int) -> Tensor:
    r"""Number of a set, :math:`\sum_i C(N - 1 - n_i, L - i)`.

    Args:
        chosen: ascending elements ``[..., L]`` of ``0 .. total - 1``, integer.
        total: size ``N`` of the set that is chosen from.

    Returns:
        ``[...]``, int64.
    """
    size = chosen.shape[-1]
    if size == 0:
        return torch.zeros(chosen.shape[:-1], dtype=torch.int64, device=chosen.device)
    table = _binomials(total, size).to(chosen.device)
    order = size - torch.arange(size, device=chosen.device)
    return table[total - 1 - chosen.to(torch.int64), order].sum(-1)


def combination_of(number: Tensor, total: int, size: int) -> Tensor:
    """The set of a number, inverse of ``combination_number``; numbers beyond the range give its last set.

    Args:
        number: ``[...]``, integer.
        total: size of the set that is chosen from.
        size: how many are chosen.

    Returns:
        Ascending elements ``[..., size]``, int64.
    """
    table = _binomials(total, size).to(number.device)
    left = number.to(torch.int64).clamp(0, math.comb(total, size) - 1)
    chosen = []
    for index in range(size):
        row = table[:, size - index].contiguous()
        # The largest x with C(x, L - i) no more than what is left: binomials grow with x.
        x = torch.searchsorted(row, left, right=True) - 1
        chosen.append(total - 1 - x)
        left = left - row[x]
    empty = torch.empty((*number.shape, 0), dtype=torch.int64, device=number.device)
    return torch.stack(chosen, dim=-1) if chosen else empty


@lru_cache(maxsize=64)
def _binomials(total: int, size: int) -> Tensor:
    # C(x, k) for x below `total`; 0 where x < k.
    return torch.tensor([[math.comb(x, k) for k in range(size + 1)] for x in range(total)], dtype=torch.int64)
