"""Parameters of the LMMSE estimator, and how large what it learns may be."""

from typing import Literal

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimators.parameters.pilots import CombPilotParameters

# Training channels: with 1000, a mean power over independent fading channels is known to 3 %.
_MOST_CHANNELS, _FEWEST_CHANNELS = 1000, 100
# Bytes that the pilots of all training channels may take, and any other array that is learnt.
_MAX_BYTES = 2**28
# Time of eigenvectors grows with the cube of it.
_MAX_EIGENVECTORS = 2048


class LmmseParameters(CombPilotParameters):
    """Parameters of the estimator ``lmmse``."""

    titles = ("LMMSE",)
    learns = True
    # A mean power over as many independent fading channels is known to 10 %.
    fewest_training = _FEWEST_CHANNELS

    name: Literal["lmmse"] = "lmmse"

    def check(self, grid: OfdmGrid, array: ArrayShape) -> bool:
        """Also pilots and ports that the statistics of fit into memory."""
        super().check(grid, array)
        n_pilots, n_ports = self.n_pilot_subcarriers(grid), array.n_ports
        for kind, found in (("pilot subcarriers", n_pilots), ("ports", n_ports)):
            if found > _MAX_EIGENVECTORS:
                raise ChannelInputError(
                    f"estimation: got {found} {kind}, expected at most {_MAX_EIGENVECTORS} with lmmse"
                )
        fits = self.n_training(grid, array)
        largest = 16 * grid.n_subcarriers * max(n_pilots, n_ports)
        if fits < _FEWEST_CHANNELS or largest > _MAX_BYTES:
            raise ChannelInputError(
                f"spacing: got {n_pilots} pilot subcarriers of {grid.n_subcarriers} at {n_ports} ports, expected "
                f"fewer: lmmse learns from at least {_FEWEST_CHANNELS} channels in {_MAX_BYTES >> 20} MiB"
            )
        return True

    def n_training(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """A thousand, or as many as memory is set aside for."""
        return min(_MOST_CHANNELS, _MAX_BYTES // (8 * self.n_pilot_subcarriers(grid) * array.n_ports))
