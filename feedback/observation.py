"""What a UE knows of its channel when it reports, in the forms in which compressors take it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from torch import Tensor

from feedback.errors import FeedbackInputError

# Truncated angular-delay matrix, estimate over the whole band, or eigenvectors of each subband.
CsiForm = Literal["truncated", "estimate", "eigenvectors"]

# A form, or what makes it when it is first asked for.
Made = Tensor | Callable[[], Tensor]


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
    """

    n_delay: int
    n_tx: int
    n_rx: int = 1
    n_polarizations: int = 1
    n_rows: int = 1
    bands: tuple[tuple[int, int], ...] = ((0, 1),)

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


class Observation:
    """One channel estimate of each UE of a batch; each form is made when first asked for, once for all compressors.

    Args:
        truncated: truncated angular-delay matrices, ``[batch, Na, n_ports]``, complex64.
        estimate: channel over the whole band, ``[batch, n_rx, n_subcarriers, n_tx]``, complex64; received is
            :math:`y = H w`.
        eigenvectors: eigenvectors of each subband's covariance, the mean of :math:`H^H H`, the strongest first,
            ``[batch, n_layers, n_subbands, n_tx]``, complex64, of unit norm; what makes them is given ``n_layers``.
    """

    def __init__(
        self,
        truncated: Made | None = None,
        estimate: Made | None = None,
        eigenvectors: Tensor | Callable[[int], Tensor] | None = None,
    ) -> None:
        self._forms: dict[CsiForm, Made | None] = {"truncated": truncated, "estimate": estimate}
        self._eigenvectors = eigenvectors
        self._made: dict[int, Tensor] = {}

    def form(self, takes: CsiForm, n_layers: int = 1) -> Tensor:
        """The channel in one form.

        Args:
            takes: which.
            n_layers: eigenvectors of each subband; the other forms have no layers.

        Raises:
            FeedbackInputError: if there is no such form, or not so many layers.
        """
        if takes == "eigenvectors":
            return self._layers(n_layers)
        made = self._forms[takes]
        if made is None:
            raise FeedbackInputError(f"csi: got no {takes} channel, expected it, as the compressor takes that")
        if not isinstance(made, Tensor):
            made = made()
            self._forms[takes] = made
        return made

    def _layers(self, n_layers: int) -> Tensor:
        known = self._eigenvectors
        if known is None:
            raise FeedbackInputError("csi: got no eigenvectors, expected them, as the compressor takes those")
        if isinstance(known, Tensor):
            if known.shape[1] < n_layers:
                raise FeedbackInputError(f"csi: got eigenvectors of {known.shape[1]} layers, expected {n_layers}")
            return known[:, :n_layers]
        made = self._made.get(n_layers)
        if made is None:
            made = self._made[n_layers] = known(n_layers)
        return made
