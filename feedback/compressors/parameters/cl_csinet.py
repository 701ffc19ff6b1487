"""Parameters of CL-CsiNet."""

from typing import Literal

from feedback.neural_parameters import ConvolutionalLatentParameters, LinearStartParameters


class ClCsiNetParameters(ConvolutionalLatentParameters, LinearStartParameters):
    """Parameters of ``cl-csinet``."""

    titles = ("CL-CsiNet",)
    results_version = 2

    name: Literal["cl-csinet"] = "cl-csinet"
