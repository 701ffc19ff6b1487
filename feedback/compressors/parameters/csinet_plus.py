"""Parameters of CsiNet+."""

from typing import Literal

from feedback.neural_parameters import LinearStartParameters


class CsiNetPlusParameters(LinearStartParameters):
    """Parameters of ``csinet+``."""

    titles = ("CsiNet+",)
    results_version = 2

    name: Literal["csinet+"] = "csinet+"
