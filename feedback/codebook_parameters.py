"""What a scenario says of codebooks of TS 38.214; without PyTorch."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from feedback.codebooks.cqi_report import CqiReport
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.plan import CodebookPlan
from feedback.compressor_parameters import FixedCostParameters
from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.errors import FeedbackInputError
from feedback.signals import Signal

MOST_LAYERS: Final = 4

OneRank: TypeAlias = Annotated[int, Field(ge=1, le=MOST_LAYERS)]


class CodebookParameters(FixedCostParameters):
    """Parameters that every codebook has; each extends it with its own ``name`` literal."""

    takes: ClassVar[CsiForm] = "eigenvectors"
    sends: ClassVar[Signal] = "bitstream"
    reserves_bits = True
    gives = "precoder"
    own_scale = True
    has_ratio = False

    rank: Literal[1, 2, 3, 4, "auto"] = Field(
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

    def layout(self, dimensions: CsiDimensions) -> PortLayout:
        """The BS's ports.

        Raises:
            FeedbackInputError: if the array is not dual-polarised, or the standard has no codebook for it.
        """
        if dimensions.n_polarizations != 2:
            raise FeedbackInputError(
                f"{self.name}: got a BS array of one polarisation, expected two, as TS 38.214 has codebooks for "
                "(`channel.polarization: dual` of the source sionna)"
            )
        return PortLayout(dimensions.n_columns, dimensions.n_rows)

    def ranks(self, layout: PortLayout, n_rx: int) -> tuple[int, ...]:
        """Ranks that may be reported, ascending.

        Args:
            layout: the BS's ports.
            n_rx: antennas of the UE.

        Raises:
            FeedbackInputError: if a rank is allowed that the codebook has not.
        """
        if self.rank != "auto":
            return (self.rank,)
        most_rank = self.plan(layout, 1, 1).most_rank
        ranks = self.allowed_ranks or tuple(range(1, min(most_rank, n_rx) + 1))
        if ranks[-1] > most_rank:
            raise FeedbackInputError(
                f"allowed_ranks: got {list(ranks)}, expected ranks up to {most_rank} for {self.name}"
            )
        return tuple(ranks)

    @abstractmethod
    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> CodebookPlan:
        """Sizes of the reports of one rank.

        Raises:
            FeedbackInputError: where the standard allows no such report.
        """

    def check(self, dimensions: CsiDimensions) -> bool:
        """The standard has reports of every rank for the array."""
        layout = self.layout(dimensions)
        for rank in self.ranks(layout, dimensions.n_rx):
            self.plan(layout, dimensions.n_subbands, rank)
        return True


class EnhancedType2Keys(CodebookParameters):
    """Keys that enhanced Type II codebooks share; each extends them with its own ``name`` and ``param_combination``."""

    results_version = 2

    n_pmi_subbands: Literal[1, 2] = Field(
        default=1,
        description="numberOfPMI-SubbandsPerCQI-Subband, R: with 2, two of the scenario's subbands make one of the "
        "standard's, so that a 13-subband report has `sgcs.n_subbands: 26`",
    )
    refinements: int = Field(
        default=3, ge=0, le=20, description="how often the UE aligns the subbands anew with what its report rebuilds"
    )
