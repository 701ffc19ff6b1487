"""Parameters of the entropy-coded quantiser."""

from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.quantiser_parameters import QuantiserParameters


class EntropyCodedParameters(QuantiserParameters):
    """Parameters of ``entropy_coded``."""

    sends = "bitstream"
    detects_errors = True
    titles = ("entropy-coded",)
    learns = True

    name: Literal["entropy_coded"] = "entropy_coded"
    cells: int | None = Field(
        default=None, ge=2, le=256, description="cells over the range of the element that varies most"
    )
    step: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="width of a cell; 1 for networks that were trained with `disturbance.rate_weight`",
    )

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if (self.cells is None) == (self.step is None):
            found = "neither" if self.cells is None else "both"
            raise ValueError(f"cells: got {found} cells and step, expected one of them")
        return self
