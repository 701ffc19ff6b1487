"""Parameters of CsiNet+."""

from typing import Literal

from feedback.neural_parameters import LinearStartParameters


class CsiNetPlusParameters(LinearStartParameters):
    """Parameters of ``csinet+``."""

    titles = ("CsiNet+",)

    name: Literal["csinet+"] = "csinet+"
