"""Parameters of compressed sensing by the LASSO."""

from typing import Literal

from pydantic import Field

from feedback.random_projection_parameters import RandomProjectionParameters


class LassoParameters(RandomProjectionParameters):
    """Parameters of ``lasso``."""

    titles = ("LASSO",)

    name: Literal["lasso"] = "lasso"
    penalty: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="weight of the l1 norm over the least one that makes all zero; by default the best on training "
        "channels",
    )

    @property
    def fixed_threshold(self) -> float | None:
        """The penalty."""
        return self.penalty
