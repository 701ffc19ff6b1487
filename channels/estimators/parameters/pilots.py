"""Parameters of all estimators that send pilots, on all subcarriers or on a comb, and what these ask of the array."""

import math

from pydantic import Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator_parameters import EstimatorParameters


class PilotParameters(EstimatorParameters):
    """Parameters of estimators with pilots on every subcarrier."""

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


class CombPilotParameters(PilotParameters):
    """Parameters of estimators with pilots on every ``spacing``-th subcarrier."""

    spacing: int = Field(
        default=12,
        ge=1,
        le=4096,
        description="subcarriers from pilot to pilot: 12 is a CSI-RS of density 1, 24 of density 0.5",
    )

    def n_pilot_subcarriers(self, grid: OfdmGrid) -> int:
        """Subcarriers of the comb."""
        return math.ceil(grid.n_subcarriers / self.spacing)

    def n_pilot_elements(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """Pilot symbols times the subcarriers of the comb."""
        return (self.n_pilots or array.n_tx) * self.n_pilot_subcarriers(grid)


def check_pilots(n_tx: int, n_pilots: int) -> None:
    """Refuses too few pilots.

    Raises:
        ChannelInputError: if there are fewer pilots than transmit ports.
    """
    if n_pilots < n_tx:
        raise ChannelInputError(f"n_pilots: got {n_pilots}, expected at least {n_tx}, one for each transmit port")
