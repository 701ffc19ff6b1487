"""Where the symbols of a report lie in a slot: resource blocks, hops, pilots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback.errors import FeedbackInputError

SUBCARRIERS_PER_PRB = 12
_SYMBOLS_PER_SLOT = 14
# Of the widest carrier (TS 38.101-1, table 5.3.2-1, and 38.211, clause 4.4.2).
_MAX_PRBS = 275


@dataclass(frozen=True)
class UplinkGrid:
    """A report's part of a slot.

    Its pilots are whole OFDM symbols, as those of PUCCH formats 3 and 4 (TS 38.211, clause 6.4.1.3.3). Its data fill
    the other symbols frequency first, half of them in each hop; what they leave is others'.

    Attributes:
        n_data: modulated symbols of the report.
        n_prbs: resource blocks side by side, as few as hold the report.
        n_hops: 1, or 2 where the second half of the slot lies elsewhere in frequency.
        hop_prbs: resource blocks between both.
        pilot_symbols: OFDM symbols of pilots a hop.
    """

    n_data: int
    n_prbs: int
    n_hops: int
    hop_prbs: int
    pilot_symbols: int

    @classmethod
    def of(cls, n_data: int, pilot_symbols: int, hop_prbs: int = 0) -> "UplinkGrid":
        """The grid of a report.

        Raises:
            FeedbackInputError: if it is wider than a carrier; one line.
        """
        n_hops = 2 if hop_prbs else 1
        n_prbs = -(-n_data // (SUBCARRIERS_PER_PRB * (_SYMBOLS_PER_SLOT - n_hops * pilot_symbols)))
        if n_prbs + hop_prbs > _MAX_PRBS:
            raise FeedbackInputError(
                f"link uci: got reports of {n_data} symbols over {n_prbs + hop_prbs} resource blocks of a slot, hop "
                f"included, expected {_MAX_PRBS} at most: fewer bits, a higher code_rate or another modulation"
            )
        return cls(n_data, n_prbs, n_hops, hop_prbs, pilot_symbols)

    @property
    def n_subcarriers(self) -> int:
        """Subcarriers of one hop."""
        return SUBCARRIERS_PER_PRB * self.n_prbs

    @property
    def n_pilots(self) -> int:
        """Resource elements of pilots."""
        return self.n_subcarriers * self.n_hops * self.pilot_symbols

    @property
    def subcarriers(self) -> NDArray[np.int64]:
        """Numbers of the subcarriers of all hops, one hop after the other, ``[n_hops n_subcarriers]``."""
        hops = SUBCARRIERS_PER_PRB * self.hop_prbs * np.arange(self.n_hops)
        return (hops[:, None] + np.arange(self.n_subcarriers)).ravel()

    @property
    def data_places(self) -> NDArray[np.int64]:
        """Which entry of ``subcarriers`` each symbol of the report is sent on, ``[n_data]``."""
        halves = np.array_split(np.arange(self.n_data), self.n_hops)
        parts = [
            hop * self.n_subcarriers + np.arange(len(half)) % self.n_subcarriers for hop, half in enumerate(halves)
        ]
        return np.concatenate(parts)
