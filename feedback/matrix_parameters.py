"""What a scenario says of compressors of any complex matrix: the channel's, or its eigenvectors'; without PyTorch."""

import math
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from feedback.any_of import AnyOf
from feedback.compressor_parameters import CompressorParameters, CompressorTraits
from feedback.csi_dimensions import OVERSAMPLING, CsiDimensions
from feedback.quantiser_parameters import QUANTISERS, QuantiserParameters

if TYPE_CHECKING:
    _Quantiser = QuantiserParameters
else:
    _Quantiser = Annotated[Any, AnyOf(QUANTISERS.keys, QUANTISERS.parameters)]


class MatrixFormParameters(CompressorParameters):
    """Keys that say which complex matrix is reported: the channel's, or that of its eigenvectors."""

    csi: Literal["matrix", "eigenvectors"] = Field(
        default="matrix",
        description="what is reported: the angular-delay matrix, or the eigenvectors of the subbands of the SGCS, for "
        "precoders; a compression ratio is then over 2 rank n_subbands n_tx",
    )
    rank: int = Field(default=1, ge=1, le=4, description="with eigenvectors: layers that are reported")
    align: bool = Field(
        default=True,
        description="with eigenvectors: turn the beams so that the strongest is the first, and say in the report which "
        "that is",
    )

    @model_validator(mode="after")
    def _layers_of_eigenvectors(self) -> Self:
        if self.csi == "matrix" and (self.rank != 1 or not self.align):
            key, found = ("rank", self.rank) if self.rank != 1 else ("align", self.align)
            raise ValueError(f"{key}: got {found} with csi 'matrix', expected it with csi 'eigenvectors'")
        return self

    @property
    def traits(self) -> type[CompressorTraits]:
        """Those of the compressor, which takes and gives something else where eigenvectors are reported."""
        return self.in_its_form(type(self))

    def in_its_form(self, traits: type[CompressorTraits]) -> type[CompressorTraits]:
        """Traits of a compressor of matrices as those of what is reported."""
        return traits if self.csi == "matrix" else on_eigenvectors(traits)  # type: ignore[arg-type]

    def matrix_shape(self, dimensions: CsiDimensions) -> tuple[int, int]:
        """Of eigenvectors: the subbands of all layers, and the ports."""
        if self.csi == "matrix":
            return super().matrix_shape(dimensions)
        return self.rank * dimensions.n_subbands, dimensions.n_tx

    def dimensions_of(self, shape: tuple[int, int]) -> CsiDimensions:
        """Of eigenvectors: as many subbands, of one subcarrier each, and an array of one row."""
        if self.csi == "matrix":
            return super().dimensions_of(shape)
        subbands = max(shape[0] // self.rank, 1)
        return CsiDimensions(shape[0], shape[1], bands=tuple((band, band + 1) for band in range(subbands)))

    def alignment_bits(self, dimensions: CsiDimensions) -> int:
        """Bits that say which beams are the strongest, of all layers together (``AlignedBeams.bits``)."""
        if self.csi == "matrix" or not self.align:
            return 0
        grids = (OVERSAMPLING * ports if ports > 1 else 1 for ports in (dimensions.n_rows, dimensions.n_columns))
        return int((dimensions.n_polarizations * math.prod(grids)) ** self.rank - 1).bit_length()


class MatrixParameters(MatrixFormParameters):
    """Parameters of compressors that send values of any complex matrix."""

    run_time: ClassVar[frozenset[str]] = CompressorParameters.run_time | {"quantiser"}

    quantiser: _Quantiser | None = Field(
        default=None, description="quantiser of its codewords; by default the feedback's"
    )

    @property
    def own_quantiser(self) -> QuantiserParameters | None:
        """That of the key ``quantiser``."""
        return self.quantiser


@cache
def on_eigenvectors(model: type[CompressorTraits]) -> type[CompressorTraits]:
    """The same traits, but for the form that is taken and given."""
    said: dict[str, Any] = {name: getattr(model, name) for name in CompressorTraits.names()}
    return type(model.__name__, (CompressorTraits,), said | {"takes": "eigenvectors", "gives": "precoder"})
