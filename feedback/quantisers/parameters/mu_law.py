"""Parameters of the quantiser of companded values."""

from typing import Literal

from pydantic import Field

from feedback.quantiser_parameters import QuantiserParameters


class MuLawParameters(QuantiserParameters):
    """Parameters of ``mu_law``."""

    titles = ("\N{GREEK SMALL LETTER MU}-law",)
    learns = True

    name: Literal["mu_law"] = "mu_law"
    bits: int = Field(ge=1, le=16, description="bits per codeword value")
    mu: float = Field(default=255.0, gt=0, le=1e6, description="companding; near 0 is uniform, 255 is ITU-T G.711's")
