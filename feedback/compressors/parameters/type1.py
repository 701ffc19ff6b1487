"""Parameters of the Type I codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import CodebookParameters


class Type1Parameters(CodebookParameters):
    """Parameters of ``type1``."""

    titles = ("Type I",)
    takes = "estimate"
    sends = "levels"

    name: Literal["type1"] = "type1"
    mode: Literal[1, 2] = Field(
        default=1, description="codebookMode: 1, one beam for the band; 2, one of a group of four in each subband"
    )
    wideband: bool = Field(default=False, description="one precoder for the band instead of one a subband")
    noise: float = Field(
        default=0.1, gt=0, le=1e3, description="noise power of the UE's search over the channel's power in a port"
    )
