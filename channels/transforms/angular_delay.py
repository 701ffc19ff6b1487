"""Unitary transform between the spatial-frequency channel and the truncated angular-delay matrix."""

import math

import torch
from torch import Tensor

from channels.bounds import require_memory
from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.transforms.sizes import check_truncation

# A product with a pruned DFT matrix costs Nc Na Nt, an FFT Nc log2(Nc) Nt with a larger constant: they break even
# near Na = Nc / 10 on a CPU.
_PRUNED_SHARE = 0.1


class AngularDelayTransform:
    r"""Angular-delay representation of a downlink channel, delays beyond the first rows cut off.

    .. math:: X = F_d H F_a^H, \qquad
        X_{n,a} = \frac{1}{\sqrt{N_c N_t}} \sum_{k=0}^{N_c-1} \sum_{m=0}^{N_t-1}
        H_{k,m} e^{+j 2\pi k n / N_c} e^{-j 2\pi m a / N_t}

    (CLLWCsiNet, section II-E). Both DFTs are unitary and unshifted: row ``n`` is the delay :math:`n / B`, column 0
    is broadside. A planar array has a DFT over its rows and one over its columns, each polarisation and UE antenna by
    itself, and columns flattened in the order of ``ArrayShape``.

    The truncated matrix holds the delays 0 to :math:`(N_a - 1) / B`. A source puts the first significant path at
    delay 0, as the symbol timing of the UE does. That timing multiplies all ports by one common phase ramp, which
    changes no precoder.

    Args:
        grid: subcarriers of the response.
        array: transmit array of the BS.
        n_delay: rows kept, :math:`N_a`.

    Raises:
        ChannelInputError: if ``n_delay`` is not between 1 and the number of subcarriers, or if the matrices of the
            transform do not fit into memory.

    Example:
        >>> transform = AngularDelayTransform(OfdmGrid(1024, 20e6, 28e9), ArrayShape(1, 1, 32), n_delay=32)
        >>> transform.truncate(torch.ones(5, 1024, 32, dtype=torch.complex64)).shape
        torch.Size([5, 32, 32])
    """

    def __init__(self, grid: OfdmGrid, array: ArrayShape, n_delay: int) -> None:
        check_truncation(grid, array, n_delay)
        self.grid = grid
        self.array = array
        self.n_delay = n_delay
        self._angular = torch.kron(
            torch.eye(array.n_rx * array.n_polarizations, dtype=torch.complex128),
            torch.kron(_dft_matrix(array.n_rows, array.n_rows), _dft_matrix(array.n_columns, array.n_columns)),
        )
        self._pruned = n_delay <= max(1.0, _PRUNED_SHARE * grid.n_subcarriers)
        # [Nc, Na], DFT from the delays kept to the subcarriers; its conjugate transpose is the way back.
        self._delay = _dft_matrix(grid.n_subcarriers, n_delay) if self._pruned else torch.empty(0)

    def forward(self, response: Tensor) -> Tensor:
        """Full angular-delay matrix, all delays.

        Args:
            response: spatial-frequency channel ``[..., n_subcarriers, n_ports]``, complex.

        Returns:
            Angular-delay matrix ``[..., n_subcarriers, n_ports]``, same unit and dtype.
        """
        self._check(response, self.grid.n_subcarriers)
        return self._over_ports(torch.fft.ifft(response, dim=-2, norm="ortho"), self._angular)

    def truncate(self, response: Tensor) -> Tensor:
        """First ``n_delay`` rows of ``forward``, without computing the others.

        Args:
            response: spatial-frequency channel ``[..., n_subcarriers, n_ports]``, complex.

        Returns:
            Truncated angular-delay matrix ``[..., n_delay, n_ports]``, same unit and dtype.
        """
        self._check(response, self.grid.n_subcarriers)
        if self._pruned:
            delays = self._delay.mH.resolve_conj().to(response.device, response.dtype) @ response
        else:
            delays = torch.fft.ifft(response, dim=-2, norm="ortho")[..., : self.n_delay, :]
        return self._over_ports(delays, self._angular)

    def inverse(self, csi: Tensor) -> Tensor:
        """Spatial-frequency channel of a truncated matrix, the missing delays taken as zero.

        Args:
            csi: truncated angular-delay matrix ``[..., n_delay, n_ports]``, complex.

        Returns:
            Spatial-frequency channel ``[..., n_subcarriers, n_ports]``, same unit and dtype.

        Raises:
            ChannelInputError: if the channels do not fit into memory.
        """
        self._check(csi, self.n_delay)
        n_bytes = csi.numel() // self.n_delay * self.grid.n_subcarriers * csi.element_size()
        require_memory(n_bytes, f"channel: {csi.numel() // (self.n_delay * self.array.n_ports)} responses")
        delays = self._over_ports(csi, self._angular.conj())
        if self._pruned:
            return self._delay.to(csi.device, csi.dtype) @ delays
        scale = self.grid.n_subcarriers**-0.5
        return torch.fft.fft(delays * scale, n=self.grid.n_subcarriers, dim=-2)

    def energy_kept(self, response: Tensor) -> Tensor:
        """Share of a channel's energy inside the rows kept, ``[...]``, real; 1 for an all-zero channel."""
        kept = torch.view_as_real(self.truncate(response)).square().sum((-3, -2, -1))
        total = torch.view_as_real(response.resolve_conj()).square().sum((-3, -2, -1))
        return torch.where(total > 0, kept / total, 1.0)

    def _over_ports(self, matrix: Tensor, angular: Tensor) -> Tensor:
        return matrix @ angular.to(matrix.device, matrix.dtype)

    def _check(self, matrix: Tensor, n_rows: int) -> None:
        expected = (n_rows, self.array.n_ports)
        if tuple(matrix.shape[-2:]) != expected or not matrix.is_complex():
            raise ChannelInputError(
                f"channel: got {matrix.dtype} of shape {tuple(matrix.shape)}, "
                f"expected complex [..., {expected[0]}, {expected[1]}]"
            )


def _dft_matrix(n: int, n_columns: int) -> Tensor:
    """First columns of the unitary ``n``-point DFT matrix (negative exponent), ``[n, n_columns]``, complex128."""
    # The exponent is reduced modulo n in integers, so that the phase is exact to the last digit.
    exponent = torch.outer(torch.arange(n), torch.arange(n_columns)).remainder(n)
    phase = exponent.to(torch.float64) * (-2 * math.pi / n)
    return torch.polar(torch.full_like(phase, n**-0.5), phase)
