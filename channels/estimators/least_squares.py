"""Least-squares estimation from orthogonal pilots, on every subcarrier or on a comb."""

from abc import abstractmethod
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from channels.dimensions import ArrayShape, OfdmGrid
from channels.estimator import ESTIMATORS, Estimator, NormalDraw
from channels.estimators.interpolation import DelayWindowInterpolation, LinearInterpolation
from channels.estimators.parameters.least_squares import CombParameters, LeastSquaresParameters
from channels.estimators.parameters.pilots import CombPilotParameters, PilotParameters
from channels.estimators.pilots import dft_pilots
from channels.estimators.right_inverse import right_inverse


@lru_cache(maxsize=1)
def _pilots_and_inverse(n_tx: int, n_pilots: int, n_threads: int) -> tuple[Tensor, Tensor]:
    """Pilots ``[n_tx, n_pilots]`` and their right inverse, complex64, which all points of a sweep share."""
    pilots = dft_pilots(n_tx, n_pilots)
    return pilots, right_inverse(pilots)


@ESTIMATORS.register("ls")
class LeastSquares(Estimator):
    r"""Least squares from orthogonal pilots on every subcarrier.

    The error of each entry is circular Gaussian with variance :math:`(N_t / T_p) / \mathrm{SNR}`.
    """

    Parameters: ClassVar[type[PilotParameters]] = LeastSquaresParameters

    def __init__(self, parameters: Any, grid: OfdmGrid, array: ArrayShape) -> None:
        super().__init__(parameters, grid, array)
        # Last digits of a solution may depend on the number of threads.
        self._pilots, self._right_inverse = _pilots_and_inverse(
            array.n_tx, parameters.n_pilots or array.n_tx, torch.get_num_threads()
        )

    def pilot_error_variance(self, snr: float) -> float:
        """(Nt / Tp) / SNR."""
        return self.array.n_tx / self._pilots.shape[-1] / snr

    def noise_in_estimate(self, snr: float) -> float:
        """That of every entry's error."""
        return self.pilot_error_variance(snr)

    def estimate(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        """Estimate from noisy observations of the pilots on all subcarriers."""
        return self._estimate_observed(response, snr, draw)

    def _estimate_observed(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        n_observed, n_pilots = response.shape[-2], self._pilots.shape[-1]
        noise = torch.view_as_complex(draw((n_observed, self.array.n_rx, n_pilots, 2)))
        received = response.unflatten(-1, (self.array.n_rx, self.array.n_tx)) @ self._pilots.to(response.device)
        received.add_(noise.to(response.device), alpha=(2 * snr) ** -0.5)
        return (received @ self._right_inverse.to(response.device)).flatten(-2)


class CombPilots(LeastSquares):
    """Base of estimators that begin with least squares on every ``spacing``-th subcarrier, the first included.

    In the terms of CSI-RS (3GPP TS 38.211, 7.4.1.5.3): ``spacing: 12`` is density 1, one resource element for each
    port and resource block, and ``spacing: 24`` density 0.5. The ports share the resource elements of a block by
    orthogonal sequences over ``n_pilots`` of them, as the ports of a CDM group do. NR forms groups of at most 8 ports
    on different subcarriers of the block; here all ports form one on its first subcarrier, which takes the same number
    of resource elements and leaves the same error, (Nt / Tp) / SNR for each entry.
    """

    Parameters: ClassVar[type[CombPilotParameters]]

    @property
    @abstractmethod
    def noise_kept(self) -> float:
        """Mean power that noise adds to an entry of the estimate, relative to that of an entry on the comb."""

    def noise_in_estimate(self, snr: float) -> float:
        """That of an entry on the comb, as far as it is kept."""
        return self.noise_kept * self.pilot_error_variance(snr)

    def estimate(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        """Estimate from noisy observations of the pilots on the comb."""
        comb = response[..., :: self.pilot_spacing, :]
        observed = self._estimate_observed(comb, snr, draw)
        return self.from_comb(observed, self.pilot_error_variance(snr))

    @abstractmethod
    def from_comb(self, pilots: Tensor, noise_variance: float) -> Tensor:
        """Estimate on all subcarriers from least-squares estimates on those of the comb.

        Args:
            pilots: ``[batch, n_comb, n_ports]``, complex64.
            noise_variance: of each of their entries.

        Returns:
            ``[batch, n_subcarriers, n_ports]``, complex64.
        """

    @property
    def pilot_spacing(self) -> int:
        """Subcarriers from pilot to pilot."""
        spacing: int = self.parameters.spacing
        return spacing


@ESTIMATORS.register("ls_comb")
class CombLeastSquares(CombPilots):
    """Least squares on a comb, and interpolation between its pilots."""

    Parameters = CombParameters

    def __init__(self, parameters: Any, grid: OfdmGrid, array: ArrayShape) -> None:
        super().__init__(parameters, grid, array)
        n, spacing = grid.n_subcarriers, parameters.spacing
        self._interpolate: LinearInterpolation | DelayWindowInterpolation = (
            LinearInterpolation(n, spacing)
            if parameters.interpolation == "linear"
            else DelayWindowInterpolation(n, spacing, parameters.window)
        )

    @property
    def noise_kept(self) -> float:
        """What is interpolated linearly keeps most of it; a window of delays makes no more of noise than of none."""
        return self._interpolate.noise_kept

    def from_comb(self, pilots: Tensor, noise_variance: float) -> Tensor:
        """Interpolated."""
        return self._interpolate(pilots, noise_variance)
