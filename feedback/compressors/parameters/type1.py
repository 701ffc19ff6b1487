"""Parameters of the Type I codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import CodebookParameters
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.type1_plan import Type1Plan


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
    noise: float | None = Field(
        default=None,
        gt=0,
        le=1e3,
        description="noise power of the UE's search over the channel's power in a port; by default the downlink's "
        "where the UE weighs it, as with rank auto, else 0.1",
    )

    @property
    def enhancer_problem(self) -> str | None:
        """Layers above rank 1 are in no order of strength."""
        above = f"rank {self.rank}, expected rank 1: layers above are in no order of strength"
        return super().enhancer_problem or (None if self.rank == 1 else above)

    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> Type1Plan:
        """Of one subband where the report is wideband."""
        return Type1Plan(layout, 1 if self.wideband else n_subbands, rank, self.mode)
