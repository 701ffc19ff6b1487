"""Parameters of the enhanced Type II codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import CodebookParameters


class EnhancedType2Parameters(CodebookParameters):
    """Parameters of ``etype2``."""

    titles = ("enhanced Type II",)
    takes = "eigenvectors"
    sends = "bitstream"
    reserves_bits = True

    name: Literal["etype2"] = "etype2"
    param_combination: int = Field(
        default=4, ge=1, le=8, description="paramCombination-r16: beams, taps and coefficients; 7 and 8 with 32 ports"
    )
    n_pmi_subbands: Literal[1, 2] = Field(
        default=1,
        description="numberOfPMI-SubbandsPerCQI-Subband, R: with 2, two of the scenario's subbands make one of the "
        "standard's, so that a 13-subband report has `sgcs.n_subbands: 26`",
    )
    refinements: int = Field(
        default=3, ge=0, le=20, description="how often the UE aligns the subbands anew with what its report rebuilds"
    )
