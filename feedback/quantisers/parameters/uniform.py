"""Parameters of the uniform quantiser."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class UniformParameters(QuantiserParameters):
    """Parameters of ``uniform``."""

    titles = ("uniform",)
    learns = True

    name: Literal["uniform"] = "uniform"
    bits: int = Field(ge=1, le=16, description="bits per codeword value")
