"""Whom the BS serves at once, by the rate that it expects of the directions that it knows."""

import math

import torch
from torch import Tensor

# Expected rates within this share of the best one's are equal: the user of the lowest number is taken.
_TIE = 1e-9
# On the diagonal of Gram matrices, those of users of one direction being singular.
_SMALLEST = 1e-9
# A user who keeps less than this share of its power is of one direction with others, as far as float32 tells.
_LEAST_SHARE = 1e-8


def greedy_selection(gram: Tensor, power: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Adds the user of the largest expected sum rate, as long as there is one that raises it.

    Expected of users :math:`S` that zero-forcing keeps apart, with equal power on each:

    .. math:: \sum_{k \in S} w_k \log_2 \left(1 + \frac{P_k}{|S| \, [(D_S^H D_S)^{-1}]_{kk}} \right)

    averaged over the subbands (G. Dimic and N. D. Sidiropoulos, IEEE Trans. Signal Process. 53(10), 2005,
    DOI 10.1109/TSP.2005.855401, with equal powers); users of one direction have no rate.

    Args:
        gram: ``D^H D`` of the directions of a cell's users in each subband, ``[n_cells, n_subbands, users, users]``,
            complex128.
        power: SNR of each user if it is served alone, ``P``, ``[n_cells, users]``, float64, linear.
        weights: of the users' rates, ``w``, ``[n_cells, users]``, float64; by default 1.

    Returns:
        Which users are served, ``[n_cells, users]``, bool; at least one.
    """
    n_cells, _, users, _ = gram.shape
    weights = torch.ones_like(power) if weights is None else weights
    served = torch.zeros(n_cells, users, dtype=torch.bool, device=gram.device)
    reached = torch.zeros(n_cells, dtype=torch.float64, device=gram.device)
    for _ in range(users):
        candidates = served[:, None] | torch.eye(users, dtype=torch.bool, device=gram.device)
        expected = expected_rates(gram[:, None], candidates, power) * weights[:, None]
        rates = expected.sum(-1).masked_fill(served, -1.0)
        best = rates.amax(1)
        user = (rates >= best[:, None] * (1 - _TIE)).to(torch.uint8).argmax(1)
        better = best > reached * (1 + _TIE)
        if not better.any():
            break
        served[better, user[better]] = True
        reached = torch.where(better, best, reached)
    return served


def expected_rates(gram: Tensor, served: Tensor, power: Tensor) -> Tensor:
    """Rates that the BS expects of users if they are served together, 0 for others, mean over the subbands.

    Args:
        gram: as ``greedy_selection`` has it, with an axis for the sets, ``[n_cells, 1, n_subbands, users, users]``.
        served: sets of users, ``[n_cells, n_sets, users]``, bool.
        power: as ``greedy_selection`` has it.

    Returns:
        ``[n_cells, n_sets, users]``, float64, bit/s/Hz.
    """
    pair = (served[..., None] & served[..., None, :])[:, :, None]
    others = torch.diag_embed((~served).double())[:, :, None]
    noise = _SMALLEST * torch.eye(served.shape[-1], dtype=gram.dtype, device=gram.device)
    inverse = torch.linalg.inv(gram * pair + others + noise).diagonal(dim1=-2, dim2=-1).real
    share = power[:, None, None] / served.sum(-1, dtype=torch.float64)[:, :, None, None]
    apart = served[:, :, None] & (inverse * _LEAST_SHARE < 1)
    rates = torch.log1p(share / inverse) * apart
    return rates.mean(2) / math.log(2)
