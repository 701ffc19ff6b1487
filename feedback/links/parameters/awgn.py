"""Parameters of analogue feedback over noise."""

from typing import Literal

from pydantic import Field

from feedback.link_parameters import LinkParameters


class AwgnParameters(LinkParameters):
    """Parameters of ``awgn``."""

    carries = frozenset({"analogue"})
    titles = ("AWGN",)

    name: Literal["awgn"] = "awgn"
    snr_db: float = Field(ge=-100, le=200, description="power of a report's own codeword over noise power, dB")
