"""Parameters of CLNet."""

from typing import Literal

from feedback.neural_parameters import LinearStartParameters


class ClNetParameters(LinearStartParameters):
    """Parameters of ``clnet``."""

    titles = ("CLNet",)

    name: Literal["clnet"] = "clnet"
