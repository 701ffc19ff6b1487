"""Parameters of least squares on all subcarriers and on a comb, and what they ask of grid and array."""

import math
from typing import Literal

from pydantic import Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator_parameters import EstimatorParameters

# Memory and time of the eigenvectors of ``DelayWindowInterpolation`` grow with the square and the cube of it.
_MAX_PILOTS = 2048


class LeastSquaresParameters(EstimatorParameters):
    """Parameters of the estimator ``ls``."""

    titles = ("LS",)

    name: Literal["ls"] = "ls"
    n_pilots: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="pilot symbols Tp, at least Nt; by default Nt, one for each transmit port",
    )

    def check(self, grid: OfdmGrid, array: ArrayShape) -> bool:
        """As many pilots as transmit ports."""
        check_pilots(array.n_tx, self.n_pilots or array.n_tx)
        return True

    def n_pilot_elements(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """Pilot symbols times the subcarriers that have them."""
        return (self.n_pilots or array.n_tx) * grid.n_subcarriers


class CombParameters(LeastSquaresParameters):
    """Parameters of the estimator ``ls_comb``."""

    titles = ("LS on a comb",)

    name: Literal["ls_comb"] = "ls_comb"  # type: ignore[assignment]
    spacing: int = Field(
        default=12,
        ge=1,
        le=4096,
        description="subcarriers from pilot to pilot: 12 is a CSI-RS of density 1, 24 of density 0.5",
    )
    interpolation: Literal["linear", "delay_window"] = Field(
        default="delay_window",
        description="between pilots: linear in frequency, or MMSE for delays inside a window",
    )
    window: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="delay taps of the longest window; by default 3/4 of the unambiguous range",
    )

    def check(self, grid: OfdmGrid, array: ArrayShape) -> bool:
        """Also a window that the comb can tell delays in."""
        super().check(grid, array)
        if self.interpolation == "delay_window":
            longest_window(grid.n_subcarriers, self.spacing, self.window)
        return True

    def n_pilot_elements(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """Pilot symbols times the subcarriers of the comb."""
        return (self.n_pilots or array.n_tx) * math.ceil(grid.n_subcarriers / self.spacing)


def check_pilots(n_tx: int, n_pilots: int) -> None:
    """Refuses too few pilots.

    Raises:
        ChannelInputError: if there are fewer pilots than transmit ports.
    """
    if n_pilots < n_tx:
        raise ChannelInputError(f"n_pilots: got {n_pilots}, expected at least {n_tx}, one for each transmit port")


def longest_window(n_subcarriers: int, spacing: int, window: int | None) -> float:
    """Taps of the longest window of delays that a comb of pilots is interpolated with.

    Args:
        n_subcarriers: subcarriers of the response.
        spacing: subcarriers from pilot to pilot; delays are unambiguous over ``n_subcarriers / spacing`` taps.
        window: taps of the window; by default three quarters of the unambiguous range.

    Raises:
        ChannelInputError: if the window exceeds the unambiguous range, or there are more than 2048 pilots.
    """
    unambiguous = n_subcarriers / spacing
    longest = max(1.0, 3 * unambiguous / 4) if window is None else float(window)
    if longest > max(1.0, unambiguous):
        raise ChannelInputError(
            f"window: got {window} taps, expected at most {int(unambiguous)} (a pilot on 1 in {spacing} subcarriers)"
        )
    n_pilots = math.ceil(n_subcarriers / spacing)
    if n_pilots > _MAX_PILOTS:
        raise ChannelInputError(
            f"interpolation: got {n_pilots} pilot subcarriers, expected at most {_MAX_PILOTS} with delay_window"
        )
    return longest
