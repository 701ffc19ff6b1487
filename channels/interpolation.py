"""Interpolation of channel estimates from a comb of pilot subcarriers 0, s, 2s, ... to all subcarriers."""

import math

import torch
from torch import Tensor

from channels.errors import ChannelInputError


class LinearInterpolation:
    """Linear between neighbouring pilots; beyond the last pilot its estimate is held.

    Args:
        n_subcarriers: subcarriers of the response.
        spacing: subcarriers from pilot to pilot.
    """

    def __init__(self, n_subcarriers: int, spacing: int) -> None:
        index = torch.arange(n_subcarriers)
        last = (n_subcarriers - 1) // spacing
        self._left = index // spacing
        self._right = (self._left + 1).clamp(max=last)
        self._share = ((index % spacing) / spacing)[:, None]

    def __call__(self, pilots: Tensor) -> Tensor:
        """Estimates on the comb ``[..., n_comb, n_tx]`` to all subcarriers ``[..., n_subcarriers, n_tx]``."""
        left, right = (pilots[..., index.to(pilots.device), :] for index in (self._left, self._right))
        return torch.lerp(left, right, self._share.to(pilots.device, pilots.dtype))


class DelayWindowInterpolation:
    r"""Least-squares fit of delay taps inside a window, evaluated on all subcarriers.

    .. math:: \hat H = D (D_p^H D_p)^{-1} D_p^H \hat H_p

    with ``D`` the DFT from the delays of the window to the subcarriers, and ``D_p`` its rows at the pilots. Delays
    beyond the window are suppressed, with the noise there. An eighth of the window lies at negative delays, for the
    leakage of the first path. The taps are periodic over the band, so the error of delays off the grid is largest
    at the band edges; nothing is extrapolated from single pilots.

    Args:
        n_subcarriers: subcarriers of the response, :math:`N_c`.
        spacing: subcarriers from pilot to pilot; delays are unambiguous over ``n_subcarriers / spacing`` taps.
        window: taps of the window; by default three quarters of the unambiguous range.

    Raises:
        ChannelInputError: if the window exceeds the unambiguous range.
    """

    def __init__(self, n_subcarriers: int, spacing: int, window: int | None = None) -> None:
        unambiguous = max(1, n_subcarriers // spacing)
        taps = max(1, 3 * unambiguous // 4) if window is None else window
        if taps > unambiguous:
            raise ChannelInputError(
                f"window: got {taps} taps, expected at most {unambiguous} (a pilot on 1 in {spacing} subcarriers)"
            )
        delays = torch.arange(taps) - taps // 8
        exponent = torch.outer(torch.arange(n_subcarriers), delays).remainder(n_subcarriers)
        phase = exponent.to(torch.float64) * (-2 * math.pi / n_subcarriers)
        synthesis = torch.polar(torch.ones_like(phase), phase)
        self._fit = torch.linalg.pinv(synthesis[::spacing]).to(torch.complex64)
        self._synthesis = synthesis.to(torch.complex64)

    def __call__(self, pilots: Tensor) -> Tensor:
        """Estimates on the comb ``[..., n_comb, n_tx]`` to all subcarriers ``[..., n_subcarriers, n_tx]``."""
        return self._synthesis.to(pilots.device) @ (self._fit.to(pilots.device) @ pilots)
