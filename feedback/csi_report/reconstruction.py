"""What the BS makes of the reports that arrived."""

from dataclasses import dataclass

from torch import Tensor

from feedback.signals import Reconstructed

__all__ = ["Reconstructed", "Reconstruction"]


@dataclass(frozen=True)
class Reconstruction:
    """A channel or a precoder for each report of a batch; one of them is ``None``.

    Attributes:
        channel: truncated angular-delay matrices, ``[batch, Na, n_ports]``, complex64.
        precoder: precoding vectors of each layer and subband, ``[batch, n_layers, n_subbands, n_tx]``, complex64, of
            unit norm; received is :math:`y = H w`.
        erased: which reports are lost, ``[batch]``, bool: those that the link lost, and those whose bits mean nothing.
            What stands for them in the tensors means nothing. ``None`` where none can be lost.
    """

    channel: Tensor | None = None
    precoder: Tensor | None = None
    erased: Tensor | None = None

    @property
    def csi(self) -> Tensor:
        """The one of the two that there is.

        Raises:
            ValueError: if there is none, or both.
        """
        if (self.channel is None) == (self.precoder is None):
            raise ValueError("reconstruction: got a channel and a precoder, or neither, expected one of them")
        found = self.precoder if self.channel is None else self.channel
        assert found is not None
        return found
