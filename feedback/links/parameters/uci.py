"""Parameters of coded feedback over the uplink."""

from typing import Literal

from pydantic import Field

from feedback.link_parameters import LinkParameters
from feedback.signals import Signal

Modulation = Literal["qpsk", "16qam", "64qam", "256qam"]


class UciParameters(LinkParameters):
    """Parameters of ``uci``."""

    carries = frozenset({"levels", "bitstream"})
    loses_reports = True
    garbles_bits = True
    titles = ("UCI",)
    results_version = 2

    name: Literal["uci"] = "uci"
    snr_db: float = Field(ge=-100, le=200, description="uplink SNR per resource element, Es/N0 at mean gain 1, dB")
    code_rate: float = Field(default=0.5, ge=0.08, le=0.9, description="report and CRC bits over coded bits")
    modulation: Modulation = Field(default="qpsk", description="of the coded bits")
    carried_by: Literal["control", "data"] = Field(
        default="control",
        description="control: uplink control information, by a small block code up to 11 bits and the polar code up to "
        "1706, beyond as data; data: by the LDPC code",
    )
    fading: Literal["none", "rayleigh"] = Field(
        default="none", description="rayleigh: one complex Gaussian gain for each report, which the BS knows"
    )
    payload_bits: int | None = Field(
        default=None, ge=1, le=100_000, description="bits reserved for a report; by default as many as it has at most"
    )

    def misfit(self, sends: Signal, reserves_bits: bool = False) -> str | None:
        """Bitstreams of no known bound need ``payload_bits``."""
        if sends == "bitstream" and self.payload_bits is None and not reserves_bits:
            return "no payload_bits with bitstreams of variable length, expected the bits reserved for every report"
        return None
