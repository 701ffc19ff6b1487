"""Files with the links of QuaDRiGa simulations, whatever their layout."""

from pathlib import Path
from typing import Protocol

import h5py

from channels.errors import ChannelInputError
from channels.formats.axis_order import AxisOrder
from channels.sources.quadriga.hdf5 import Hdf5Links
from channels.sources.quadriga.link import QuadrigaLink
from channels.sources.quadriga.mat5 import Mat5Links


class _Links(Protocol):
    n_links: int

    def read(self, index: int) -> QuadrigaLink: ...


class QuadrigaFile:
    """Links of a file that all have the antennas and the carrier of the first.

    Args:
        path: the file.
        variable: variable with the links, ``None`` for the only one.
        links: first and last link used, counted from 1; ``None`` for all.
        layout: order of the axes in an HDF5 file, ``None`` as the file says.

    Attributes:
        n_links: links used.
        n_rx: antennas of the UE.
        n_tx: antennas of the BS.
        carrier_hz: carrier frequency in Hz, ``None`` if the file does not say.

    Raises:
        ChannelInputError: if the file is missing, damaged, has another layout, or lacks the links.
    """

    def __init__(
        self,
        path: Path,
        variable: str | None = None,
        links: tuple[int, int] | None = None,
        layout: AxisOrder | None = None,
    ) -> None:
        self._path = path
        is_hdf5 = path.is_file() and h5py.is_hdf5(path)
        self._links: _Links = Hdf5Links(path, variable, layout) if is_hdf5 else Mat5Links(path, variable)
        first, last = links or (1, self._links.n_links)
        if not 1 <= first <= last <= self._links.n_links:
            raise ChannelInputError(
                f"{path}: links: got {first} to {last}, expected a range within the {self._links.n_links} it has"
            )
        self._first = first - 1
        self.n_links = last - first + 1
        link = self._links.read(self._first)
        self.n_rx, self.n_tx = link.coefficients.shape[:2]
        self.carrier_hz = link.carrier_hz

    def link(self, index: int) -> QuadrigaLink:
        """The link at an index, 0 for the first one used.

        Raises:
            ChannelInputError: if it is damaged, or has other antennas or another carrier than the first.
        """
        link = self._links.read(self._first + index)
        where = f"{self._path}: link {self._first + index + 1}"
        n_rx, n_tx = link.coefficients.shape[:2]
        if (n_rx, n_tx) != (self.n_rx, self.n_tx):
            raise ChannelInputError(
                f"{where}: got {n_rx} x {n_tx} antennas, expected {self.n_rx} x {self.n_tx} as the first link"
            )
        if link.carrier_hz != self.carrier_hz:
            raise ChannelInputError(
                f"{where}: got the carrier {_hertz(link.carrier_hz)}, expected {_hertz(self.carrier_hz)} as the first "
                "link: choose links of one carrier with links"
            )
        return link


def _hertz(frequency: float | None) -> str:
    return "unknown" if frequency is None else f"{frequency:g} Hz"
