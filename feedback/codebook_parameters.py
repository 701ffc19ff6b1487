"""What a scenario says of codebooks of TS 38.214; without PyTorch."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from feedback.compressor_parameters import FixedCostParameters

MOST_LAYERS: Final = 4

OneRank: TypeAlias = Annotated[int, Field(ge=1, le=MOST_LAYERS)]
CqiReport = Literal["none", "wideband", "subband"]


class CodebookParameters(FixedCostParameters):
    """Parameters that every codebook has; each extends it with its own ``name`` literal."""

    gives = "precoder"
    own_scale = True
    has_ratio = False

    rank: OneRank | Literal["auto"] = Field(
        default=1, description="layers of the precoder; auto: the UE chooses those of the largest sum rate, and says so"
    )
    allowed_ranks: tuple[OneRank, ...] | None = Field(
        default=None,
        min_length=1,
        description="with rank auto, what the UE chooses from; by default 1 to as many as it has antennas and the "
        "codebook precoders for",
    )
    cqi: CqiReport = Field(default="none", description="whether the report holds CQIs: of the band, or of subbands too")
    layer_indicator: bool = Field(default=False, description="whether the report says which layer is the strongest")

    @model_validator(mode="after")
    def _ranks_to_choose_from(self) -> Self:
        ranks = self.allowed_ranks
        if ranks is not None and self.rank != "auto":
            raise ValueError(f"allowed_ranks: got {list(ranks)} with rank {self.rank}, expected them with rank auto")
        if ranks is not None and list(ranks) != sorted(set(ranks)):
            raise ValueError(f"allowed_ranks: got {list(ranks)}, expected ascending ranks")
        return self


class EnhancedType2Keys(CodebookParameters):
    """Keys that enhanced Type II codebooks share; each extends them with its own ``name`` and ``param_combination``."""

    takes = "eigenvectors"
    sends = "bitstream"
    reserves_bits = True
    results_version = 2

    n_pmi_subbands: Literal[1, 2] = Field(
        default=1,
        description="numberOfPMI-SubbandsPerCQI-Subband, R: with 2, two of the scenario's subbands make one of the "
        "standard's, so that a 13-subband report has `sgcs.n_subbands: 26`",
    )
    refinements: int = Field(
        default=3, ge=0, le=20, description="how often the UE aligns the subbands anew with what its report rebuilds"
    )
