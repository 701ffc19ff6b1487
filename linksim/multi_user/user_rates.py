"""Rates of the users of a cell that share all subcarriers."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from linksim.multi_user.parameters import MultiUserParameters
from linksim.multi_user.user_selection import greedy_selection
from linksim.multi_user.zero_forcing import regularisation, zero_forcing


def user_rates(
    response: Tensor, directions: Tensor, bands: Sequence[slice], snr: float, parameters: MultiUserParameters
) -> Tensor:
    r"""Rate of every user, mean over the subcarriers; 0 for users that are not served.

    .. math:: \log_2(1 + \mathrm{SINR}_k), \qquad \mathrm{SINR}_k = p \, a_{kk}^H
              \Big(I + p \sum_{j \ne k} a_{kj} a_{kj}^H \Big)^{-1} a_{kk}, \qquad a_{kj} = H_k w_j

    behind a receiver that knows its own channel and the interference (MMSE-IRC), with the power shared equally among
    the users that are served, :math:`p = \mathrm{SNR} / |S|`.

    Args:
        response: true channels, ``[n_cells, users, Nc, n_rx, n_tx]``, complex.
        directions: weights that the BS would use for each user alone, ``[n_cells, users, Nc, n_tx]``, complex, of unit
            norm.
        bands: subcarriers of each subband; selection looks at one subcarrier of each.
        snr: per antenna at unit channel power and precoder power 1, linear.
        parameters: precoder and selection.

    Returns:
        ``[n_cells, users]``, float64, bit/s/Hz.
    """
    n_rx, n_tx = response.shape[-2:]
    gain = float(n_rx * n_tx)
    by_subcarrier = directions.transpose(1, 2)
    served = torch.ones(response.shape[:2], dtype=torch.bool, device=response.device)
    if parameters.selection == "greedy":
        middles = [(band.start + band.stop - 1) // 2 for band in bands]
        looked_at = by_subcarrier[:, middles].to(torch.complex128)
        served = greedy_selection(looked_at.conj() @ looked_at.mT, snr * gain)
    alpha = regularisation(served, snr, gain) * (parameters.precoder == "rzf")
    in_use = served[:, None].expand(by_subcarrier.shape[:3])
    weights = zero_forcing(by_subcarrier, in_use, alpha[:, None].expand(in_use.shape[:2]))
    power = snr / served.sum(-1, dtype=torch.float64)
    # a_kj as columns j, of each user k: [n_cells, users, Nc, n_rx, users].
    received = torch.einsum("cknrt,cnjt->cknrj", response, weights).to(torch.complex128)
    rates = torch.log1p(_sinr(received, power)) / math.log(2)
    return rates.mean(-1)


def _sinr(received: Tensor, power: Tensor) -> Tensor:
    r"""SINR of user ``k``'s own signal among those of all.

    With :math:`q = p\, a_{kk}^H (I + p \sum_j a_{kj} a_{kj}^H)^{-1} a_{kk}`, :math:`\mathrm{SINR} = q / (1 - q)`.

    Args:
        received: ``[n_cells, users, Nc, n_rx, users]``, complex128.
        power: of each user that is served, ``[n_cells]``, float64.

    Returns:
        ``[n_cells, users, Nc]``, float64.
    """
    n_rx, users = received.shape[-2:]
    scaled = received * power.sqrt()[:, None, None, None, None]
    own = torch.stack([scaled[:, user, ..., user] for user in range(users)], dim=1)
    if n_rx == 1:
        signal = own[..., 0].abs().square()
        return signal / (1 + scaled[..., 0, :].abs().square().sum(-1) - signal).clamp(min=1)
    covariance = torch.eye(n_rx, dtype=scaled.dtype, device=scaled.device) + scaled @ scaled.mH
    share = (own.conj() * torch.linalg.solve(covariance, own)).sum(-1).real.clamp(0, 1 - 1e-15)
    return share / (1 - share)
