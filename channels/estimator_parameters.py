"""What a scenario says of a channel estimator, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from channels.dimensions import ArrayShape, OfdmGrid
from channels.plugin_section import PluginSection
from channels.registry import Registry
from channels.traits import Traits

ESTIMATORS: Registry[Any] = Registry("channels.estimators", "estimator")


class EstimatorTraits(Traits):
    """What is known of a channel estimator before it is built.

    Attributes:
        learns: whether it learns from training channels.
        fewest_training: channels below which what it learns is mostly chance.
    """

    learns: ClassVar[bool] = False
    fewest_training: ClassVar[int] = 0


class EstimatorParameters(EstimatorTraits, PluginSection):
    """Parameters that every estimator has; each estimator extends it with its own ``name`` literal."""

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

    def n_training(self, grid: OfdmGrid, array: ArrayShape) -> int:
        """Training channels that an estimator learns from, at most."""
        return 0
