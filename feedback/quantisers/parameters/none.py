"""Parameters of analogue feedback."""

from typing import Literal

from feedback.quantiser_parameters import QuantiserParameters


class NoneParameters(QuantiserParameters):
    """Parameters of ``none``: none of its own."""

    sends = "analogue"
    titles = ("none",)

    name: Literal["none"] = "none"
