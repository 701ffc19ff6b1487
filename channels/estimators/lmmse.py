"""Linear MMSE estimation with the second-order statistics of training channels."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator import ESTIMATORS
from channels.estimators.least_squares import CombPilots
from channels.estimators.parameters.lmmse import LmmseParameters
from channels.training_moments import TrainingMoments

# Eigenvalues of the covariance over subcarriers below this share of the largest are rounding.
_NEGLIGIBLE = 1e-12
# Rounding of complex64 products, relative to the channel's mean power: it is noise as well.
_ROUNDING = 1e-13


@ESTIMATORS.register("lmmse")
class Lmmse(CombPilots):
    r"""LMMSE estimate from least squares on a comb, with the mean and covariance of training channels.

    With the covariance :math:`R = E[(H - M)(H_p - M_p)^H] / N` of all subcarriers with the :math:`N_p` of the pilots,
    averaged over the ports, :math:`R_p = U \Lambda U^H` its rows on these, and the covariance over the ports
    :math:`E[(H_p - M_p)^T (H_p - M_p)^*] / N_p = V \Gamma V^H`,

    .. math:: \hat H = M + R U \Lambda^{-1} \left( W \odot U^H (\hat H_p - M_p) V^* \right) V^T, \qquad
        W_{ij} = \frac{\Omega_{ij}}{\Omega_{ij} + \sigma^2}, \qquad
        \Omega_{ij} = E\left[ |u_i^H (H_p - M_p) v_j^*|^2 \right],

    with the variance :math:`\sigma^2 = (N_t / T_p) / \mathrm{SNR}` of the error of least squares, which the UE knows.
    The full covariance would have :math:`N_p N` rows. Its eigenvectors are taken as separable, delay by angle,
    and its eigenvalues are not: :math:`\Omega` couples each mode of delay with each of angle (W. Weichselberger et
    al., "A stochastic MIMO channel model with joint correlation of both link ends", IEEE Transactions on Wireless
    Communications 5(1), 2006, doi:10.1109/TWC.2006.1576533). Where the covariance is separable this is the LMMSE
    estimate itself (O. Edfors et al., "OFDM channel estimation by singular value decomposition", IEEE Transactions on
    Communications 46(7), 1998, doi:10.1109/26.701321). Where it is not, :math:`W` still is the best filter of its
    kind on the pilots, in the mean never worse there than least squares.

    The statistics are those of a cell: of all UEs together, not of the one that estimates.
    """

    Parameters = LmmseParameters

    def __init__(self, parameters: Any, grid: OfdmGrid, array: ArrayShape) -> None:
        super().__init__(parameters, grid, array)
        parameters.check(grid, array)
        self._state: dict[str, Tensor] = {}

    @property
    def noise_kept(self) -> float:
        """None: an estimate of least mean squared error has less power than the channel."""
        return 0.0

    def fit(self, moments: TrainingMoments) -> None:
        """Takes mean, eigenvectors, powers of coefficients, and what all subcarriers have of the pilots' coefficients.

        Raises:
            ChannelInputError: if there are no channels.
        """
        if moments.n == 0:
            raise ChannelInputError("estimation: got no train channels, expected some: lmmse learns from them")
        comb = slice(None, None, self.pilot_spacing)
        mean = torch.from_numpy(moments.total) / moments.n
        n_pilots, n_ports = moments.pilots.shape[1:]
        covariance = torch.from_numpy(moments.across_subcarriers) / (moments.n * n_ports)
        covariance = covariance - mean @ mean[comb].mH / n_ports
        over_ports = torch.from_numpy(moments.across_ports) / (moments.n * n_pilots)
        over_ports = over_ports - mean[comb].mT @ mean[comb].conj() / n_pilots
        delays = covariance[comb]
        values, modes = torch.linalg.eigh((delays + delays.mH) / 2)
        kept = values > _NEGLIGIBLE * values[-1]
        values, modes = values[kept], modes[:, kept]
        angles = torch.linalg.eigh((over_ports + over_ports.mH) / 2)[1]
        power = torch.zeros(len(values), n_ports, dtype=torch.float64)
        # One channel at a time: their pilots are the largest thing in memory.
        for pilots in torch.from_numpy(moments.pilots):
            power += (modes.mH @ (pilots - mean[comb]) @ angles.conj()).abs().square()
        self._state = {
            "mean": mean.to(torch.complex64),
            "analysis": modes.mH.resolve_conj().to(torch.complex64),
            "synthesis": (covariance @ modes / values).to(torch.complex64),
            "angles": angles.to(torch.complex64),
            "power": power / moments.n,
        }

    def state(self) -> dict[str, Tensor]:
        """What was learnt: mean, matrices of the filter, powers."""
        return {name: _real(tensor).contiguous() for name, tensor in self._learnt().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what ``state`` gave.

        Raises:
            ChannelInputError: if names, shapes or values are not those of this estimator.
        """
        n_subcarriers, n_ports = self.grid.n_subcarriers, self.array.n_ports
        n_pilots = self.parameters.n_pilot_subcarriers(self.grid)
        n_modes = len(state["power"]) if "power" in state and state["power"].dim() == 2 else 0
        expected = {
            "mean": (n_subcarriers, n_ports, 2),
            "analysis": (n_modes, n_pilots, 2),
            "synthesis": (n_subcarriers, n_modes, 2),
            "angles": (n_ports, n_ports, 2),
            "power": (n_modes, n_ports),
        }
        found = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if found != expected:
            wrong = next(name for name in (*expected, *found) if found.get(name) != expected.get(name))
            raise ChannelInputError(
                f"estimator lmmse: {wrong}: got shape {found.get(wrong)}, expected {expected.get(wrong)}"
            )
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()) or bool((state["power"] < 0).any()):
            raise ChannelInputError("estimator lmmse: got learnt values that are no statistics, expected finite ones")
        self._state = {
            name: tensor.to(torch.float64) if name == "power" else torch.view_as_complex(tensor.contiguous())
            for name, tensor in state.items()
        }

    def from_comb(self, pilots: Tensor, noise_variance: float) -> Tensor:
        """The estimate of each link."""
        learnt = {name: tensor.to(pilots.device) for name, tensor in self._learnt().items()}
        mean, angles, power = learnt["mean"], learnt["angles"], learnt["power"]
        noise = noise_variance + _ROUNDING * float(power.sum()) / pilots[0].numel()
        # Where there is neither noise nor power the weight is 0 / 0, of nothing.
        weights = (power / (power + noise)).nan_to_num(0.0).to(torch.float32)
        at_pilots = mean[:: self.pilot_spacing]
        # One link at a time, so that the digits of a link do not depend on the rest of the batch.
        deviations = [
            learnt["synthesis"] @ (weights * (learnt["analysis"] @ (link - at_pilots) @ angles.conj())) @ angles.mT
            for link in pilots
        ]
        return mean + torch.stack(deviations)

    def _learnt(self) -> dict[str, Tensor]:
        if not self._state:
            raise ValueError("estimator lmmse: nothing learnt yet, expected fit() or load_state() before")
        return self._state


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
