"""The contract of every channel estimator at the UE, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from channels.dimensions import ArrayShape, OfdmGrid
from channels.estimator_parameters import ESTIMATORS, EstimatorParameters, EstimatorTraits
from channels.training_moments import TrainingMoments

__all__ = ["ESTIMATORS", "Estimator", "EstimatorParameters", "NormalDraw"]

# Standard normal draws ``[batch, *shape]``, float32, one random stream per sample.
NormalDraw = Callable[[tuple[int, ...]], Tensor]


class Estimator(EstimatorTraits, ABC):
    """Turns the true channel into the UE's estimate of it.

    Args:
        parameters: the estimator's section of a scenario.
        grid: subcarriers of the response.
        array: transmit array of the BS.

    Attributes:
        Parameters: the pydantic model of the estimator's section in a scenario.
    """

    Parameters: ClassVar[type[EstimatorParameters]]

    def __init__(self, parameters: Any, grid: OfdmGrid, array: ArrayShape) -> None:
        self.parameters = parameters
        self.grid = grid
        self.array = array

    @abstractmethod
    def estimate(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        """Estimate of a batch of channels.

        Args:
            response: true channel ``[batch, n_subcarriers, n_ports]``, complex64.
            snr: pilot SNR, linear: transmit power 1 per pilot symbol and subcarrier over the noise variance, for
                nominal channel power 1 per antenna, whatever the power of this channel.
            draw: standard normal draws.

        Returns:
            Estimate ``[batch, n_subcarriers, n_ports]``, complex64.
        """

    @property
    def pilot_spacing(self) -> int:
        """Subcarriers from pilot to pilot."""
        return 1

    @property
    def n_pilot_elements(self) -> int:
        """Resource elements that the pilots of one estimate take, over all subcarriers."""
        elements: int = self.parameters.n_pilot_elements(self.grid, self.array)
        return elements

    def pilot_error_variance(self, snr: float) -> float:
        """Variance of the error of an entry on a pilot, before any interpolation."""
        return 0.0

    def noise_in_estimate(self, snr: float) -> float:
        """Mean power that noise adds to an entry of the estimate, as the UE knows it.

        0, the default, for estimates that have no more power than the channel in the mean, as those of least mean
        squared error.
        """
        return 0.0

    def fit(self, moments: TrainingMoments) -> None:
        """Learns from training channels, with pilots where this estimator has them; nothing to do by default."""

    def state(self) -> dict[str, Tensor]:
        """Everything that was learnt, by name, real numbers."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what ``state`` gave; nothing to do by default."""
