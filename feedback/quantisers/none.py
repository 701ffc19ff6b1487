"""Analogue feedback: codeword values cross the link as they are."""

from feedback.csi_report.codeword import Codeword
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.none import NoneParameters


@QUANTISERS.register("none")
class NoQuantiser(Quantiser):
    """Leaves values analogue, so a report has no bit count."""

    Parameters = NoneParameters

    def quantise(self, codeword: Codeword) -> Codeword:
        """The codeword itself."""
        return codeword

    def dequantise(self, received: Codeword) -> Codeword:
        """The received codeword itself."""
        return received
