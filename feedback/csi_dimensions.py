"""Sizes of the channel that a UE reports, and the forms in which compressors take it."""

from dataclasses import dataclass
from typing import Literal, Self

# Truncated angular-delay matrix, estimate over the whole band, the same over the noise's standard deviation, or
# eigenvectors of each subband.
CsiForm = Literal["truncated", "estimate", "whitened", "eigenvectors"]
# Beams per port and axis, as in the oversampled grids of TS 38.214 (O1 = O2 = 4).
OVERSAMPLING = 4


@dataclass(frozen=True)
class CsiDimensions:
    """Sizes of the channel that is reported, which UE and BS both know.

    Attributes:
        n_delay: delay rows Na of the truncated angular-delay matrix.
        n_tx: transmit ports Nt of the BS, ``n_polarizations n_rows n_columns``, columns fastest.
        n_rx: antennas Nr of the UE.
        n_polarizations: polarisations of the BS's array.
        n_rows: ports along the vertical of one polarisation.
        bands: first and last but one subcarrier of each subband, in order and without gaps.
        report_period_s: time from report to report, s; 0 where there is one only.
        delay_s: time from the newest report to the use of the precoder, s.
    """

    n_delay: int
    n_tx: int
    n_rx: int = 1
    n_polarizations: int = 1
    n_rows: int = 1
    bands: tuple[tuple[int, int], ...] = ((0, 1),)
    report_period_s: float = 0.0
    delay_s: float = 0.0

    @classmethod
    def of(cls, shape: "tuple[int, int] | Self") -> Self:
        """Those of a matrix ``(Na, Nt)`` of one UE antenna, with as many subcarriers, all in one subband."""
        return cls(shape[0], shape[1], bands=((0, shape[0]),)) if isinstance(shape, tuple) else shape

    @property
    def matrix(self) -> tuple[int, int]:
        """Shape ``(Na, n_ports)`` of the truncated angular-delay matrix, ``n_ports = n_rx n_tx``."""
        return self.n_delay, self.n_rx * self.n_tx

    @property
    def n_columns(self) -> int:
        """Ports along the horizontal of one polarisation."""
        return self.n_tx // (self.n_polarizations * self.n_rows)

    @property
    def n_subcarriers(self) -> int:
        """Subcarriers Nc of the band."""
        return self.bands[-1][1]

    @property
    def n_subbands(self) -> int:
        """Subbands of the band."""
        return len(self.bands)

    @property
    def slices(self) -> list[slice]:
        """Subcarriers of each subband."""
        return [slice(start, stop) for start, stop in self.bands]
