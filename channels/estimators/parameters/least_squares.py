"""Parameters of least squares on all subcarriers and on a comb, and what they ask of grid and array."""

import math
from typing import Literal

from pydantic import Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimators.parameters.pilots import CombPilotParameters, PilotParameters

# Memory and time of the eigenvectors of ``DelayWindowInterpolation`` grow with the square and the cube of it.
_MAX_PILOTS = 2048


class LeastSquaresParameters(PilotParameters):
    """Parameters of the estimator ``ls``."""

    titles = ("LS",)

    name: Literal["ls"] = "ls"


class CombParameters(CombPilotParameters):
    """Parameters of the estimator ``ls_comb``."""

    titles = ("LS on a comb",)

    name: Literal["ls_comb"] = "ls_comb"
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
