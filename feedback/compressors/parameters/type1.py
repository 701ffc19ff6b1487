"""Parameters of the Type I codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import CodebookParameters


class Type1Parameters(CodebookParameters):
    """Parameters of ``type1``."""

    titles = ("Type I",)
    takes = "estimate"
    sends = "levels"
    reserves_bits = True

    name: Literal["type1"] = "type1"
    mode: Literal[1, 2] = Field(
        default=1, description="codebookMode: 1, one beam for the band; 2, one of a group of four in each subband"
    )
    wideband: bool = Field(default=False, description="one precoder for the band instead of one a subband")
    noise: float | None = Field(
        default=None,
        gt=0,
        le=1e3,
        description="noise power of the UE's search over the channel's power in a port; by default the downlink's "
        "where the UE weighs it, as with rank auto, else 0.1",
    )
