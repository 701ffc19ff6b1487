"""Parameters of compressed sensing by approximate message passing."""

from typing import Literal

from pydantic import Field

from feedback.random_projection_parameters import RandomProjectionParameters


class AmpParameters(RandomProjectionParameters):
    """Parameters of ``amp``."""

    titles = ("AMP",)

    name: Literal["amp"] = "amp"
    iterations: int = Field(default=30, ge=1, le=10_000, description="iterations of the recovery at the BS")
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="of moduli, over the effective noise's root mean square; by default the best on training channels",
    )

    @property
    def fixed_threshold(self) -> float | None:
        """The threshold."""
        return self.threshold
