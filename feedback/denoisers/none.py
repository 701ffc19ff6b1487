"""Received codewords taken as they are."""

from feedback.csi_report.codeword import Codeword
from feedback.denoiser import DENOISERS, Denoiser
from feedback.denoisers.parameters.none import NoneParameters


@DENOISERS.register("none")
class NoDenoiser(Denoiser):
    """Leaves received codewords as they are."""

    Parameters = NoneParameters

    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The received codeword itself."""
        return received
