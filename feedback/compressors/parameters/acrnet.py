"""Parameters of ACRNet and its binary and convolutional variants."""

from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.layer_choices import Activation, Expansion
from feedback.neural_parameters import (
    ConvolutionalLatentParameters,
    LinearStartParameters,
    NeuralParameters,
    PublicWeightsParameters,
)


class AcrNetOptions(NeuralParameters):
    """Parameters of the whole family. A name that ends in ``-10x`` fixes the expansion at 10."""

    expansion: int | None = Field(
        default=None, ge=1, le=100, description="k of ACRNet-kx; by default that of the name, or 1"
    )
    activation: Activation = Field(
        default="prelu", description="leaky ReLU of slope 0.3, or slopes learnt: one a layer (sprelu), one a channel"
    )
    decoder_expansion: Expansion = Field(
        default="aggregated",
        description="what the expansion multiplies: channels in groups of 2, channels in one group (width), or blocks",
    )

    @model_validator(mode="after")
    def _one_expansion(self) -> Self:
        if self.expansion is not None and self.expansion != (self.named_expansion or self.expansion):
            raise ValueError(f"expansion is {self.expansion}, expected {self.named_expansion} as {self.name!r} says")
        return self

    @property
    def named_expansion(self) -> int | None:
        """The expansion that the name says, if any."""
        last = self.name.rpartition("-")[2]
        return int(last[:-1]) if last.endswith("x") else None

    @property
    def k(self) -> int:
        """The expansion."""
        return self.named_expansion or self.expansion or 1


class AcrNetFcOptions(AcrNetOptions, LinearStartParameters):
    """Parameters of those with FC layers."""


class AcrNetParameters(AcrNetFcOptions, PublicWeightsParameters):
    """Parameters of ``acrnet``; the names in -kx fix its expansion."""

    titles = ("ACRNet", "ACRNet-1x", "ACRNet-10x", "ACRNet-20x")
    results_version = 2

    name: Literal["acrnet", "acrnet-1x", "acrnet-10x", "acrnet-20x"]

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.checkpoint is not None and (self.activation, self.decoder_expansion) != ("prelu", "aggregated"):
            raise ValueError(
                f"checkpoint is given with activation {self.activation!r} and decoder_expansion "
                f"{self.decoder_expansion!r}, expected prelu and aggregated as in the public ones"
            )
        return self


class BacrNetParameters(AcrNetFcOptions):
    """Parameters of ``bacrnet``; the names in -kx fix its expansion."""

    titles = ("BACRNet", "BACRNet-1x", "BACRNet-10x", "BACRNet-20x")
    results_version = 2

    name: Literal["bacrnet", "bacrnet-1x", "bacrnet-10x", "bacrnet-20x"]
    decoder_fc: Literal["full", "binary"] = Field(default="full", description="weights of the FC layer at the BS")

    @model_validator(mode="after")
    def _start_allowed(self) -> Self:
        if self.init == "klt" and self.decoder_fc == "binary":
            raise ValueError("init is 'klt', expected 'xavier' for a binary decoder_fc")
        return self


class QacrNetParameters(AcrNetFcOptions):
    """Parameters of ``qacrnet-1x`` and ``qacrnet-10x``."""

    titles = ("QACRNet-1x", "QACRNet-10x")
    results_version = 2

    name: Literal["qacrnet-1x", "qacrnet-10x"]


class ClAcrNetParameters(ConvolutionalLatentParameters, AcrNetFcOptions):
    """Parameters of ``cl-acrnet``."""

    titles = ("CL-ACRNet",)
    results_version = 2

    name: Literal["cl-acrnet"] = "cl-acrnet"
