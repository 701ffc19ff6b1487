"""Frequency responses of one batch, true or known to the BS, and what several metrics ask of them."""

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor

from linksim.metrics.directions import Directions
from linksim.metrics.matrix_norms import row_norm


class Response:
    """Responses ``H`` with rows :math:`h_n`, and what follows from them alone, computed when it is asked for.

    Args:
        ports: ``H``, ``[batch, Nc, n_ports]``, complex, UE antennas first among the ports.
        n_rx: UE antennas.
        bands: subcarriers of each subband.

    Attributes:
        matrices: one channel matrix a subcarrier, ``[batch, Nc, n_rx, n_tx]``, complex.
    """

    def __init__(self, ports: Tensor, n_rx: int, bands: Sequence[slice]) -> None:
        self.ports, self.bands = ports, bands
        self.matrices = ports.unflatten(-1, (n_rx, ports.shape[-1] // n_rx))

    @cached_property
    def norm(self) -> Tensor:
        r""":math:`\lVert h_n \rVert`, ``[batch, Nc]``, real."""
        return row_norm(self.ports)

    @cached_property
    def energy(self) -> Tensor:
        r""":math:`\lVert H \rVert^2`, ``[batch]``, float64."""
        return self.norm.double().square().sum(-1)

    @cached_property
    def directions(self) -> Directions:
        """Eigenvectors of the covariance in each subband."""
        return Directions(self.matrices, self.bands)

    def inner(self, left: Tensor) -> Tensor:
        """Inner products of rows of other responses with its own, ``[batch, Nc]``, complex.

        Args:
            left: the others, ``[batch, Nc, n_ports]``, complex; theirs are the conjugated factors.
        """
        # Conjugates take a third of the time, and one of this response does for all others.
        return (left[..., None, :] @ self._conjugate[..., None])[..., 0, 0].conj()

    @cached_property
    def _conjugate(self) -> Tensor:
        return self.ports.conj().resolve_conj()
