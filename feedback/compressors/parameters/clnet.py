"""Parameters of CLNet."""

from typing import Literal

from feedback.neural_parameters import LinearStartParameters


class ClNetParameters(LinearStartParameters):
    """Parameters of ``clnet``."""

    titles = ("CLNet",)
    results_version = 2

    name: Literal["clnet"] = "clnet"
