"""Parameters of the entropy-coded quantiser."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class EntropyCodedParameters(QuantiserParameters):
    """Parameters of ``entropy_coded``."""

    sends = "bitstream"
    detects_errors = True
    titles = ("entropy-coded",)
    learns = True

    name: Literal["entropy_coded"] = "entropy_coded"
    cells: int = Field(ge=2, le=256, description="cells over the range of the element that varies most")
