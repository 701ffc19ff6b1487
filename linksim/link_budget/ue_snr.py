"""The SNR of each UE, and how it meets tensors of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from linksim.link_budget.parameters import LinkBudgetParameters

if TYPE_CHECKING:
    from torch import Tensor


def ue_snr(budget: LinkBudgetParameters, bandwidth_hz: float, coupling_gain_db: Tensor, normal: Tensor) -> Tensor:
    r"""SNR per antenna at unit channel power, linear: what one of the BS's ports with all its power would give.

    .. math:: \mathrm{SNR} = \left(\frac{N}{P \, g} + \frac{1}{G}\right)^{-1}, \qquad
              N = -174\,\mathrm{dBm/Hz} + 10 \log_{10} B + F

    with transmit power :math:`P`, coupling gain :math:`g`, noise figure :math:`F` and geometry factor :math:`G`: other
    cells are white noise of a power relative to what the UE hears of its own cell before any precoding.

    Args:
        budget: power, noise figure, geometry.
        bandwidth_hz: band that power and noise are spread over, ``B``.
        coupling_gain_db: from a port of the BS to an antenna of the UE, ``[batch]``, real.
        normal: a standard normal draw of each UE for its geometry, ``[batch]``, real.

    Returns:
        ``[batch]``, float32: the precision of the channels that it multiplies.
    """
    import torch

    decibels = budget.transmit_power_dbm - budget.noise_dbm(bandwidth_hz) + coupling_gain_db.to(torch.float64)
    noise = 10 ** (-decibels / 10)
    if budget.geometry_db is not None:
        mean, spread = budget.geometry_db if isinstance(budget.geometry_db, tuple) else (budget.geometry_db, 0.0)
        noise = noise + 10 ** (-(mean + spread * normal.to(torch.float64)) / 10)
    return noise.reciprocal().to(torch.float32)


@overload
def beside(snr: float, n_axes: int) -> float: ...
@overload
def beside(snr: Tensor, n_axes: int) -> Tensor: ...
@overload
def beside(snr: float | Tensor, n_axes: int) -> float | Tensor: ...
def beside(snr: float | Tensor, n_axes: int) -> float | Tensor:
    """An SNR of all UEs, or of each ``[batch]``, to multiply tensors of so many axes by, of which UEs are the first."""
    return snr if isinstance(snr, float | int) else snr.view(-1, *(1,) * (n_axes - 1))
