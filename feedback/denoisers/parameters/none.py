"""Parameters of taking codewords as they are received."""

from typing import Literal

from feedback.denoiser_parameters import DenoiserParameters


class NoneParameters(DenoiserParameters):
    """Parameters of ``none``: none of its own."""

    titles = ("none",)

    name: Literal["none"] = "none"
