"""Parameters of the uniform quantiser behind a sigmoid."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class SigmoidUniformParameters(QuantiserParameters):
    """Parameters of ``sigmoid_uniform``."""

    titles = ("sigmoid-uniform",)

    name: Literal["sigmoid_uniform"] = "sigmoid_uniform"
    bits: int = Field(ge=1, le=16, description="bits per codeword value")
