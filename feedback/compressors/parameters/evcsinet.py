"""Parameters of EVCsiNet and its variant with transformers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.neural_parameters import LinearStartParameters


class EvCsiNetParameters(LinearStartParameters):
    """Parameters of ``evcsinet``."""

    titles = ("EVCsiNet",)
    results_version = 2

    name: Literal["evcsinet"] = "evcsinet"
    csi: Literal["matrix", "eigenvectors"] = Field(
        default="eigenvectors", description="what is reported: eigenvectors, or the angular-delay matrix"
    )


class EvCsiNetTParameters(LinearStartParameters):
    """Parameters of ``evcsinet-t``."""

    titles = ("EVCsiNet-T",)
    results_version = 2

    name: Literal["evcsinet-t"] = "evcsinet-t"
    csi: Literal["matrix", "eigenvectors"] = Field(
        default="eigenvectors", description="what is reported: eigenvectors, or the angular-delay matrix"
    )
    width: int = Field(default=64, ge=4, le=1024, description="values of a token, of which there is one for each row")
    layers: int = Field(default=2, ge=1, le=16, description="transformer layers at each side")
    heads: int = Field(default=4, ge=1, le=64, description="heads of each attention, which divide the width")

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads: got {self.heads} with a width of {self.width}, expected a divisor of it")
        return self
