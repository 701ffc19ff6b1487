"""What a scenario says of codebooks of TS 38.214; without PyTorch."""

from abc import abstractmethod
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from feedback.codebooks.cqi_report import CqiReport
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.plan import CodebookPlan
from feedback.compressor_parameters import CompressorTraits, FixedCostParameters
from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.errors import FeedbackInputError
from feedback.signals import Signal
from feedback.training.recipe_section import RecipeSection, check_phases

MOST_LAYERS: Final = 4

# Rows of arrays that the standard has codebooks for.
_ROWS: Final = (1, 2, 3, 4)

OneRank: TypeAlias = Annotated[int, Field(ge=1, le=MOST_LAYERS)]


class CodebookParameters(FixedCostParameters):
    """Parameters that every codebook has; each extends it with its own ``name`` literal."""

    takes: ClassVar[CsiForm] = "eigenvectors"
    sends: ClassVar[Signal] = "bitstream"
    reserves_bits = True
    gives = "precoder"
    own_scale = True
    has_ratio = False
    # What networks have keys for, and one at the BS does not.
    disturbance: ClassVar[None] = None
    distillation: ClassVar[None] = None
    untrained: ClassVar[bool] = False
    phases_are_chosen: ClassVar[bool] = True
    # No precoder depends on what else a report says.
    run_time: ClassVar[frozenset[str]] = FixedCostParameters.run_time | {"cqi", "layer_indicator"}

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

    enhancer: Literal["transformer"] | None = Field(
        default=None,
        description="what the BS makes of reported precoders, and no UE knows of: a trained transformer over delays "
        "and beams; by default nothing",
    )
    recipe: RecipeSection | None = Field(
        default=None, description="with enhancer: keys over the scenario's training recipe; by default none"
    )

    @model_validator(mode="after")
    def _enhanced(self) -> Self:
        if self.enhancer is None and self.recipe is not None:
            raise ValueError("recipe: got one without enhancer, expected it with enhancer 'transformer'")
        try:
            check_phases([self.recipe], self.phases_are_chosen)
        except FeedbackInputError as error:
            raise ValueError(f"recipe.{error}") from error
        problem = None if self.enhancer is None else self.enhancer_problem
        if problem is not None:
            raise ValueError(f"enhancer: got {self.enhancer!r} with {problem}")
        return self

    @property
    def enhancer_problem(self) -> str | None:
        """Why no network can learn from the reports, as "what was given, expected what"; ``None`` where one can."""
        return "rank auto, expected a rank, as every layer is learnt" if self.rank == "auto" else None

    @property
    def traits(self) -> type[CompressorTraits]:
        """Those of a codebook, or of one with a network at the BS."""
        return type(self) if self.enhancer is None else enhanced(type(self))

    def matrix_shape(self, dimensions: CsiDimensions) -> tuple[int, int]:
        """With a network at the BS: the subbands of all layers, and the ports."""
        if self.enhancer is None or self.rank == "auto":
            return super().matrix_shape(dimensions)
        return self.rank * dimensions.n_subbands, dimensions.n_tx

    def dimensions_of(self, shape: tuple[int, int]) -> CsiDimensions:
        """With a network at the BS: as many subbands, of one subcarrier each, and an array that has reports."""
        if self.enhancer is None or self.rank == "auto":
            return super().dimensions_of(shape)
        bands = tuple((band, band + 1) for band in range(max(shape[0] // self.rank, 1)))
        arrays = (CsiDimensions(shape[0], shape[1], self.rank, 2, rows, bands) for rows in _ROWS)
        return next(
            (array for array in arrays if self._has_reports(array)), CsiDimensions(*shape, self.rank, 2, 1, bands)
        )

    def _has_reports(self, dimensions: CsiDimensions) -> bool:
        try:
            return dimensions.n_tx % (2 * dimensions.n_rows) == 0 and self.check(dimensions)
        except FeedbackInputError:
            return False

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


@cache
def enhanced(model: type[CompressorTraits]) -> type[CompressorTraits]:
    """The same traits, but for a network that is trained."""
    said: dict[str, Any] = {name: getattr(model, name) for name in CompressorTraits.names()}
    return type(model.__name__, (CompressorTraits,), said | {"trained": True, "learns": True})
