"""The contract of every channel estimator at the UE, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid

ESTIMATORS: ClassRegistry["Estimator"] = ClassRegistry(unique=True)

# Standard normal draws ``[batch, *shape]``, float32, one random stream per sample.
NormalDraw = Callable[[tuple[int, ...]], Tensor]


class EstimatorParameters(BaseModel):
    """Parameters that every estimator has; each estimator extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    snr_db: float | None = Field(
        default=None, ge=-100, le=200, description="SNR of the pilots [dB]; by default the downlink's"
    )
    timing: Literal["perfect", "pilots"] = Field(
        default="perfect",
        description="where the delay axis begins: where the source has it, or at the first path that pilots show",
    )


class Estimator(ABC):
    """Turns the true channel into the UE's estimate of it.

    Args:
        parameters: the estimator's section of a scenario.
        grid: subcarriers of the response.
        array: transmit array of the BS.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        Parameters: the pydantic model of the estimator's section in a scenario.
        results_version: raised when the same input gets other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[EstimatorParameters]]
    results_version: ClassVar[int] = 1

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
        return 0

    def pilot_error_variance(self, snr: float) -> float:
        """Variance of the error of an entry on a pilot, before any interpolation."""
        return 0.0
