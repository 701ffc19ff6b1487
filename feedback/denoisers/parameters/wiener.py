"""Parameters of the Wiener filter."""

from typing import Literal

from feedback.denoiser_parameters import DenoiserParameters


class WienerParameters(DenoiserParameters):
    """Parameters of ``wiener``: none of its own."""

    accepts = frozenset({"analogue"})
    titles = ("Wiener",)
    learns = True
    learns_jointly = True

    name: Literal["wiener"] = "wiener"
