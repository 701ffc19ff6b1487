"""Parameters of the Lloyd-Max quantiser."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class LloydMaxParameters(QuantiserParameters):
    """Parameters of ``lloyd_max``."""

    titles = ("Lloyd-Max",)
    results_version = 2
    learns = True

    name: Literal["lloyd_max"] = "lloyd_max"
    bits: int = Field(ge=1, le=10, description="bits per codeword value")
