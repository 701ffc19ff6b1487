"""Received codewords taken as they are."""

from typing import Literal

from feedback.csi_report.codeword import Codeword
from feedback.denoiser import DENOISERS, Denoiser, DenoiserParameters


class NoneParameters(DenoiserParameters):
    """Parameters of ``none``: none of its own."""

    name: Literal["none"] = "none"


@DENOISERS.register("none")
class NoDenoiser(Denoiser):
    """Leaves received codewords as they are."""

    titles = ("none",)
    Parameters = NoneParameters

    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The received codeword itself."""
        return received
