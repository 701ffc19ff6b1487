"""Proportionally fair scheduling: a cell's users take turns, so that none starves for the sake of the sum."""

from collections.abc import Callable

import torch
from torch import Tensor

# Users without any rate, such as those whose CQI is out of range, must not divide by zero.
_SMALLEST_RATE = 1e-12


def fair_rates(
    select: Callable[[Tensor], Tensor], rates: Callable[[Tensor, Tensor], Tensor], alone: Tensor, slots: int
) -> Tensor:
    r"""Mean rates of users whom the BS serves in turn over a channel that stands still.

    In each slot it serves those of the largest weighted sum of expected rates, :math:`\sum_k R_k / T_k`, with the mean
    rate :math:`T_k` of user ``k`` so far: that ascends towards the largest :math:`\sum_k \log T_k` of all shares of
    time (P. Viswanath, D. N. C. Tse and R. Laroia, IEEE Trans. Inf. Theory 48(6), 2002, DOI 10.1109/TIT.2002.1003822;
    H. J. Kushner and P. A. Whiting, IEEE Trans. Wireless Commun. 3(4), 2004, DOI 10.1109/TWC.2004.830826). Before the
    first slot users count as having had one slot of an equal share of their rate alone.

    Args:
        select: gives who is served of weights, both ``[n_cells, users]``.
        rates: gives what users of some cells get, ``[n, users]``, float64, of their numbers ``[n]``, int64, and of who
            is served, ``[n, users]``, bool.
        alone: rate that the BS expects of each user if it is served alone, ``[n_cells, users]``, float64.
        slots: how many.

    Returns:
        ``[n_cells, users]``, float64.
    """
    before = (alone / alone.shape[1]).clamp(min=_SMALLEST_RATE)
    gained = torch.zeros_like(before)
    known: dict[tuple[int, tuple[bool, ...]], Tensor] = {}
    for slot in range(slots):
        served = select((slot + 1) / (before + gained))
        keys = [(cell, tuple(row)) for cell, row in enumerate(served.tolist())]
        new = [cell for cell, key in enumerate(keys) if key not in known]
        if new:
            numbers = torch.tensor(new, device=served.device)
            found = rates(numbers, served[numbers])
            known |= {keys[cell]: row for cell, row in zip(new, found, strict=True)}
        gained = gained + torch.stack([known[key] for key in keys])
    return gained / slots
