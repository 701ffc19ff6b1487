"""Analogue feedback: codeword values cross the link as they are."""

from typing import ClassVar, Literal

from feedback.csi_report.codeword import Codeword, Signal
from feedback.quantiser import QUANTISERS, Quantiser, QuantiserParameters


class NoneParameters(QuantiserParameters):
    """Parameters of ``none``: none of its own."""

    name: Literal["none"] = "none"


@QUANTISERS.register("none")
class NoQuantiser(Quantiser):
    """Leaves values analogue, so a report has no bit count."""

    sends: ClassVar[Signal] = "analogue"
    titles = ("none",)
    Parameters = NoneParameters

    def quantise(self, codeword: Codeword) -> Codeword:
        """The codeword itself."""
        return codeword

    def dequantise(self, received: Codeword) -> Codeword:
        """The received codeword itself."""
        return received
