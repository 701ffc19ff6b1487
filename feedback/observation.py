"""What a UE knows of its channel when it reports, in the forms in which compressors take it."""

from collections.abc import Callable

from torch import Tensor

from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.errors import FeedbackInputError

__all__ = ["CsiDimensions", "CsiForm", "Observation"]

# A form, or what makes it when it is first asked for.
Made = Tensor | Callable[[], Tensor]


class Observation:
    """One channel estimate of each UE of a batch; each form is made when first asked for, once for all compressors.

    Args:
        truncated: truncated angular-delay matrices, ``[batch, Na, n_ports]``, complex64.
        estimate: channel over the whole band, ``[batch, n_rx, n_subcarriers, n_tx]``, complex64; received is
            :math:`y = H w`.
        whitened: the same over the standard deviation of the downlink's noise at an antenna of the UE, for those who
            weigh layers against noise; the precoder's power is 1.
        eigenvectors: eigenvectors of each subband's covariance, the mean of :math:`H^H H`, the strongest first,
            ``[batch, n_layers, n_subbands, n_tx]``, complex64, of unit norm; what makes them is given ``n_layers``.
    """

    def __init__(
        self,
        truncated: Made | None = None,
        estimate: Made | None = None,
        whitened: Made | None = None,
        eigenvectors: Tensor | Callable[[int], Tensor] | None = None,
    ) -> None:
        self._forms: dict[CsiForm, Made | None] = {
            "truncated": truncated,
            "estimate": estimate,
            "whitened": whitened,
        }
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
