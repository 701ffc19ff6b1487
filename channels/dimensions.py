"""Sizes of a link over space, frequency and time; without PyTorch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from channels.errors import ChannelInputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


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

    def frequencies_hz(self, device: "torch.device | str" = "cpu") -> "Tensor":
        """Baseband subcarrier frequencies in Hz, ``[n_subcarriers]``, float64."""
        import torch

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
