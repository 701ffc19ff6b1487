"""Parameters of CRNet and its binary and convolutional variants."""

from typing import Literal, Self

from pydantic import model_validator

from feedback.neural_parameters import ConvolutionalLatentParameters, LinearStartParameters, PublicWeightsParameters


class CrNetParameters(PublicWeightsParameters):
    """Parameters of ``crnet`` and ``bcrnet``."""

    titles = ("CRNet", "BCRNet")
    results_version = 2

    name: Literal["crnet", "bcrnet"]

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.checkpoint is not None and self.name != "crnet":
            raise ValueError(f"checkpoint is given for {self.name!r}, expected 'crnet', whose weights are public")
        return self


class ClCrNetParameters(ConvolutionalLatentParameters, LinearStartParameters):
    """Parameters of ``cl-crnet``."""

    titles = ("CL-CRNet",)
    results_version = 2

    name: Literal["cl-crnet"] = "cl-crnet"
