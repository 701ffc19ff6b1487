"""Parameters of the vector quantiser."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class VectorParameters(QuantiserParameters):
    """Parameters of ``vector``."""

    titles = ("vector",)
    results_version = 2
    learns = True

    name: Literal["vector"] = "vector"
    dimension: int = Field(ge=1, le=64, description="consecutive codeword values per codebook; divides their number")
    bits: int = Field(ge=1, le=12, description="bits per codebook index, so bits / dimension per codeword value")
