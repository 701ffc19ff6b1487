"""Parameters of denoising in the delay domain, and what they ask of grid and array."""

from typing import Literal

from pydantic import Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimators.parameters.pilots import CombPilotParameters


class DftDenoisingParameters(CombPilotParameters):
    """Parameters of the estimator ``dft_denoising``."""

    titles = ("DFT denoising",)

    name: Literal["dft_denoising"] = "dft_denoising"
    window: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="delay taps kept, an eighth of them at negative delays; by default 3/4 of as many as there are "
        "pilot subcarriers",
    )
    threshold_db: float | None = Field(
        default=3.0,
        ge=-100,
        le=100,
        description="taps of the window count if what is received in them, over all ports, exceeds the noise by this "
        "[dB]; null keeps all: from 3 dB on a tap holds more channel than noise",
    )

    def check(self, grid: OfdmGrid, array: ArrayShape) -> bool:
        """Also a window of no more taps than there are pilots."""
        super().check(grid, array)
        self.n_taps(grid)
        return True

    def n_taps(self, grid: OfdmGrid) -> int:
        """Taps of the window.

        Raises:
            ChannelInputError: if there are fewer pilots.
        """
        n_pilots = self.n_pilot_subcarriers(grid)
        taps = max(1, round(3 * n_pilots / 4)) if self.window is None else self.window
        if taps > n_pilots:
            raise ChannelInputError(
                f"window: got {taps} taps, expected at most {n_pilots} (a pilot on 1 in {self.spacing} subcarriers)"
            )
        return taps
