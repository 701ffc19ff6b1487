"""Parameters of the Type II codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import CodebookParameters
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.type2_plan import Type2Plan


class Type2Parameters(CodebookParameters):
    """Parameters of ``type2``."""

    titles = ("Type II",)

    name: Literal["type2"] = "type2"
    n_beams: int = Field(default=4, ge=2, le=4, description="beams L per polarisation; 2 with 4 ports")
    n_phases: Literal[4, 8] = Field(default=8, description="phases of a coefficient, N_PSK")
    subband_amplitude: bool = Field(default=False, description="subbandAmplitude: amplitudes refined in each subband")

    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> Type2Plan:
        """Of as many beams and phases as the keys say."""
        return Type2Plan(layout, n_subbands, rank, self.n_beams, self.n_phases, self.subband_amplitude)
