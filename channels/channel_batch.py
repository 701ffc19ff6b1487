"""Batches of downlink channels: as propagation paths, or as a frequency response."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from channels.errors import ChannelInputError


@dataclass(frozen=True)
class ArrayShape:
    """Antennas of the link: ``n_rx x n_polarizations x n_rows x n_columns`` ports of the channel, flattened so.

    The first counts the UE's antennas, the others the BS's transmit ports. A uniform linear array along the horizontal
    and one UE antenna is ``ArrayShape(1, 1, n_tx)``.
    """

    n_polarizations: int = 1
    n_rows: int = 1
    n_columns: int = 32
    n_rx: int = 1

    @property
    def n_tx(self) -> int:
        """Transmit ports of the BS."""
        return self.n_polarizations * self.n_rows * self.n_columns

    @property
    def n_ports(self) -> int:
        """Entries of the channel on one subcarrier: every transmit port to every UE antenna."""
        return self.n_rx * self.n_tx


@dataclass(frozen=True)
class OfdmGrid:
    r"""Subcarriers of one OFDM symbol.

    Subcarrier ``k`` lies at :math:`f_k = (k - N_c/2) B / N_c` around the carrier.

    Raises:
        ChannelInputError: if the band reaches down to frequency 0.
    """

    n_subcarriers: int
    bandwidth_hz: float
    carrier_hz: float

    def __post_init__(self) -> None:
        if not self.bandwidth_hz < 2 * self.carrier_hz:
            raise ChannelInputError(
                f"bandwidth_hz: got {self.bandwidth_hz:g} Hz, expected less than twice the carrier of "
                f"{self.carrier_hz:g} Hz"
            )

    @property
    def spacing_hz(self) -> float:
        """Subcarrier spacing, Hz; its inverse is the length of a symbol without cyclic prefix."""
        return self.bandwidth_hz / self.n_subcarriers

    def frequencies_hz(self, device: torch.device | str = "cpu") -> Tensor:
        """Baseband subcarrier frequencies in Hz, ``[n_subcarriers]``, float64."""
        index = torch.arange(self.n_subcarriers, dtype=torch.float64, device=device)
        return (index - self.n_subcarriers // 2) * (self.bandwidth_hz / self.n_subcarriers)


@dataclass(frozen=True)
class Snapshots:
    """Times at which a moving channel is observed.

    Attributes:
        times_s: all of them, s; the first is 0, and what a source normalises and aligns by. The others need no order,
            and may be negative.

    Raises:
        ValueError: if the first is not 0, or a time is given twice.
    """

    times_s: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        times = tuple(map(float, self.times_s))
        if not times or times[0] != 0 or len(set(times)) < len(times):
            raise ValueError(f"times_s: got {list(times)}, expected different times of which the first is 0")
        object.__setattr__(self, "times_s", times)

    @classmethod
    def every(cls, interval_s: float, n: int) -> Self:
        """As many snapshots as wanted, a time in s apart."""
        return cls(tuple(number * interval_s for number in range(n)))

    @property
    def n(self) -> int:
        """How many."""
        return len(self.times_s)

    @property
    def interval_s(self) -> float | None:
        """Time from each to the next, s; 0 for a single one, ``None`` where they are not evenly spaced."""
        interval_s = self.times_s[1] if self.n > 1 else 0.0
        even = tuple(number * interval_s for number in range(self.n))
        return interval_s if interval_s >= 0 and even == self.times_s else None


@dataclass(frozen=True)
class Paths:
    """Channels as sums of plane waves: what a generator makes, small enough to be kept.

    Attributes:
        coefficients: path gains, ``[batch, n_snapshots, n_ports, n_paths]``, complex64, linear.
        delays_s: path delays in seconds, ``[batch, n_paths]``, float32 or float64, the first snapshot's.
        gain_db: power that the normalisation removed, ``[batch]``, float32, dB.
        band_coefficients: path gains at the frequencies of ``channels.transforms.beam_squint`` where they change over
            the band, ``[batch, n_snapshots, n_nodes, n_ports, n_paths]``, complex64; ``None`` where those at the
            carrier hold for all.
    """

    coefficients: Tensor
    delays_s: Tensor
    gain_db: Tensor
    band_coefficients: Tensor | None = None

    def scaled(self, factor: Tensor) -> Self:
        """All gains of each link times a factor, ``[batch]``."""
        band = self.band_coefficients
        return replace(
            self,
            coefficients=self.coefficients * factor[:, None, None, None],
            band_coefficients=None if band is None else band * factor[:, None, None, None, None],
        )


@dataclass(frozen=True)
class ChannelBatch:
    """Frequency responses of consecutive samples of one split.

    Attributes:
        response: ``[batch, n_snapshots, n_subcarriers, n_ports]``, complex64, mean power 1 per entry unless the
            source says otherwise.
        hf_all: the public ``HF_all`` reference, ``[batch, 125, n_tx]``, complex64, where a data set has one.
    """

    response: Tensor
    hf_all: Tensor | None = None
