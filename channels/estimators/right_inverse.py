"""The right inverse of a pilot matrix, which makes the least-squares estimate of what was received."""

import torch
from torch import Tensor

from channels.errors import ChannelInputError

# Condition number of X X^H from which its inverse in float32 would keep less than three digits.
_SINGULAR = 1e4


def right_inverse(pilots: Tensor) -> Tensor:
    r"""Right inverse :math:`X^H (X X^H)^{-1}` of a pilot matrix.

    The least-squares estimate of the channel is :math:`\hat H_n = Y_n X^H (X X^H)^{-1}` with the pilots ``Y`` that the
    UE received on a subcarrier (CLLWCsiNet, section II-D).

    Args:
        pilots: pilot matrix ``X``, ``[n_tx, n_pilots]``, complex, ``n_pilots >= n_tx``.

    Returns:
        ``[n_pilots, n_tx]``, same dtype.

    Raises:
        ChannelInputError: if there are fewer pilots than transmit antennas, or ``X X^H`` is singular.
    """
    n_tx, n_pilots = pilots.shape
    if n_pilots < n_tx:
        raise ChannelInputError(f"n_pilots: got {n_pilots}, expected at least {n_tx}, one for each transmit port")
    precise = pilots.to(torch.complex128)
    gram = precise @ precise.mH
    condition = float(torch.linalg.cond(gram))
    if not condition < _SINGULAR:
        raise ChannelInputError(f"pilots: X X^H has condition number {condition:.3g}, expected below {_SINGULAR:g}")
    return torch.linalg.solve(gram, precise).mH.resolve_conj().contiguous().to(pilots.dtype)
