"""What a scenario says of a channel estimator, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.registry import Registry
from channels.traits import Traits

ESTIMATORS: Registry[Any] = Registry("channels.estimators", "estimator")


class EstimatorTraits(Traits):
    """What is known of a channel estimator before it is built.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1


class EstimatorParameters(EstimatorTraits, BaseModel):
    """Parameters that every estimator has; each estimator extends it with its own ``name`` literal."""

    # Built when a scenario names it, as one names few.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    name: str
    snr_db: float | None = Field(
        default=None, ge=-100, le=200, description="SNR of the pilots [dB]; by default the downlink's"
    )
    timing: Literal["perfect", "pilots"] = Field(
        default="perfect",
        description="where the delay axis begins: where the source has it, or at the first path that pilots show",
    )

    def check(self, grid: OfdmGrid, array: ArrayShape) -> bool:
        """Refuses a grid and an array for which the estimator cannot be built, without building it.

        Returns:
            Whether it can be built then; ``False``, the default, where only building it will tell.

        Raises:
            ChannelInputError: as building it would.
        """
        return False

    def n_pilot_elements(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """Resource elements that the pilots of one estimate take, over all subcarriers."""
        return 0
