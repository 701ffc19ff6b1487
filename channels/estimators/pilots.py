"""Orthogonal downlink pilots."""

import math

import torch
from torch import Tensor

from channels.estimators.parameters.pilots import check_pilots


def dft_pilots(n_tx: int, n_pilots: int, device: torch.device | str = "cpu") -> Tensor:
    r"""Rows of the DFT matrix as pilots of the transmit ports, unit total transmit power per pilot symbol.

    .. math:: X_{m,t} = e^{-j 2\pi m t / T_p} / \sqrt{N_t}, \qquad X X^H = (T_p / N_t) I

    With :math:`T_p = N_t` that is the :math:`X X^H = I` of CLLWCsiNet, section II-D.

    Args:
        n_tx: transmit ports :math:`N_t`.
        n_pilots: pilot symbols :math:`T_p \ge N_t`.
        device: where the matrix is made.

    Returns:
        Pilot matrix ``X``, ``[n_tx, n_pilots]``, complex64.

    Raises:
        ChannelInputError: if there are fewer pilots than transmit ports.
    """
    check_pilots(n_tx, n_pilots)
    exponent = torch.outer(torch.arange(n_tx), torch.arange(n_pilots)).remainder(n_pilots)
    phase = exponent.to(torch.float64) * (-2 * math.pi / n_pilots)
    pilots = torch.polar(torch.full_like(phase, n_tx**-0.5), phase)
    return pilots.to(device=device, dtype=torch.complex64)
