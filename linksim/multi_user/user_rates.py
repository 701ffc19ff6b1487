"""Rates of the users of a cell that share all subcarriers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.multi_user.parameters import MultiUserParameters
from linksim.multi_user.scheduling import fair_rates
from linksim.multi_user.user_selection import expected_rates, greedy_selection
from linksim.multi_user.zero_forcing import regularisation, zero_forcing

# Noise is no less than this share of the interference: covariances further apart have no inverse in float64.
_ROUNDING = 1e-15


def user_rates(
    response: Tensor,
    directions: Tensor,
    bands: Sequence[slice],
    snr: float | Tensor,
    parameters: MultiUserParameters,
    strengths: Tensor | None = None,
) -> Tensor:
    r"""Rate of every user, mean over the subcarriers; 0 for users that are not served.

    .. math:: \log_2(1 + \mathrm{SINR}_k), \qquad \mathrm{SINR}_k = p \, a_{kk}^H
              \Big(I + p \sum_{j \ne k} a_{kj} a_{kj}^H \Big)^{-1} a_{kk}, \qquad a_{kj} = H_k w_j

    behind a receiver that knows its own channel and the interference (MMSE-IRC), with the power shared equally among
    the users that are served, :math:`p = \mathrm{SNR}_k / |S|`. Under proportionally fair
    scheduling users take turns, and have the mean over the slots.

    Args:
        response: true channels, ``[n_cells, users, Nc, n_rx, n_tx]``, complex.
        directions: weights that the BS would use for each user alone, ``[n_cells, users, Nc, n_tx]``, complex, of unit
            norm.
        bands: subcarriers of each subband; selection looks at one subcarrier of each.
        snr: per antenna at unit channel power and precoder power 1, linear, of all users or ``[n_cells, users]``.
        parameters: precoder and selection.
        strengths: SNR that the BS takes each user to have if it is served alone, ``[n_cells, users]``, float64, linear;
            by default the SNR times the antennas.

    Returns:
        ``[n_cells, users]``, float64, bit/s/Hz.
    """
    n_rx, n_tx = response.shape[-2:]
    snr = torch.as_tensor(snr, dtype=torch.float64, device=response.device).expand(response.shape[:2])
    power = snr * float(n_rx * n_tx) if strengths is None else strengths
    cell = _Cells(response, directions, snr, power, parameters.precoder == "rzf")
    if parameters.selection == "all":
        return cell.rates(torch.ones_like(snr, dtype=torch.bool))
    middles = [(band.start + band.stop - 1) // 2 for band in bands]
    looked_at = directions[:, :, middles].transpose(1, 2).to(torch.complex128)
    gram = looked_at.conj() @ looked_at.mT
    if parameters.scheduling == "sum_rate":
        return cell.rates(greedy_selection(gram, power))
    single = torch.eye(snr.shape[1], dtype=torch.bool, device=snr.device).expand(len(snr), -1, -1)
    alone = expected_rates(gram[:, None], single, power).diagonal(dim1=1, dim2=2)
    return fair_rates(lambda weights: greedy_selection(gram, power, weights), cell.rates_of, alone, parameters.slots)


@dataclass(frozen=True)
class _Cells:
    """Users as ``user_rates`` has them, and what they get where some of them are served.

    Attributes:
        response: true channels.
        directions: weights that would suit each alone.
        snr: of each user, ``[n_cells, users]``, float64.
        power: SNR that the BS takes each to have if it is served alone, likewise.
        regularised: whether beams allow for noise.
    """

    response: Tensor
    directions: Tensor
    snr: Tensor
    power: Tensor
    regularised: bool

    def rates_of(self, cells: Tensor, served: Tensor) -> Tensor:
        """Rates ``[n, users]`` of some cells, ``[n]``, int64."""
        parts = (self.response[cells], self.directions[cells], self.snr[cells], self.power[cells])
        return _Cells(*parts, self.regularised).rates(served)

    def rates(self, served: Tensor) -> Tensor:
        """Rates ``[n_cells, users]``, float64, where some are served, ``[n_cells, users]``, bool."""
        by_subcarrier = self.directions.transpose(1, 2)
        alpha = regularisation(served, self.power) * self.regularised
        in_use = served[:, None].expand(by_subcarrier.shape[:3])
        weights = zero_forcing(by_subcarrier, in_use, alpha[:, None].expand(in_use.shape))
        power = self.snr / served.sum(-1, keepdim=True, dtype=torch.float64)
        # a_kj as columns j, of each user k: [n_cells, users, Nc, n_rx, users].
        received = torch.einsum("cknrt,cnjt->cknrj", self.response, weights).to(torch.complex128)
        return (torch.log1p(_sinr(received, power)) / math.log(2)).mean(-1)


def _sinr(received: Tensor, power: Tensor) -> Tensor:
    """SINR of user ``k``'s own signal among those of all.

    Args:
        received: ``[n_cells, users, Nc, n_rx, users]``, complex128.
        power: of what is sent to one user, relative to the noise of each, ``[n_cells, users]``, float64.

    Returns:
        ``[n_cells, users, Nc]``, float64.
    """
    n_rx, users = received.shape[-2:]
    scaled = received * power.sqrt()[:, :, None, None, None]
    own = torch.stack([scaled[:, user, ..., user] for user in range(users)], dim=1)
    others = scaled * ~torch.eye(users, dtype=torch.bool, device=scaled.device)[:, None, None]
    interference = others.abs().square().sum((-2, -1))
    if n_rx == 1:
        return own[..., 0].abs().square() / (1 + interference)
    noise = (_ROUNDING * interference).clamp(min=1)
    covariance = others @ others.mH + torch.diag_embed(noise[..., None].expand(own.shape)).to(scaled.dtype)
    return (own.conj() * torch.linalg.solve(covariance, own)).sum(-1).real.clamp(min=0)
