"""Parameters of the context codec."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from feedback.compressor_parameters import CompressorTraits
from feedback.csi_dimensions import CsiDimensions
from feedback.matrix_parameters import on_eigenvectors
from feedback.own_bits_parameters import OwnBitsOnlyParameters

if TYPE_CHECKING:
    from feedback.context_codec.codec import ContextCodec
    from feedback.context_codec.kernel import LevelShape
    from feedback.context_codec.layer_codec import LayerCodec
    from feedback.context_codec.tables import ContextTables
    from feedback.enhancement.weights import Weights


class ContextParameters(OwnBitsOnlyParameters):
    """Parameters of ``context``."""

    titles = ("context codec",)
    results_version = 3

    example: ClassVar[dict[str, object]] = {"step": 0.5}

    name: Literal["context"] = "context"
    csi: Literal["matrix", "eigenvectors"] = Field(
        default="matrix",
        description="what is reported: the angular-delay matrix, or the eigenvectors of the subbands of the SGCS, for "
        "precoders; a step is then relative to the root mean square of their coefficients, and no scale is sent",
    )
    rank: int = Field(default=1, ge=1, le=4, description="with eigenvectors: layers that are reported")
    memory: Literal[0, 1] = Field(
        default=0, description="1: a report codes what has changed since the one before, where that takes fewer bits"
    )
    alone_every: int = Field(
        default=8, ge=1, le=1000, description="with memory: reports from one that stands alone to the next, at most"
    )
    told_of_losses: bool = Field(
        default=True, description="with memory: the UE is told which report was lost, and makes the next stand alone"
    )
    memory_tables: Path | None = Field(
        default=None,
        description="with memory and eigenvectors: tables of `linksim context-tables` with `memory: 1` (safetensors), "
        "for reports that build on the one before; by default those that ship",
    )
    tables: Path | None = Field(
        default=None, description="tables of `linksim context-tables` (safetensors); by default those that ship"
    )
    enhancer: Literal["filters"] | None = Field(
        default=None,
        description="what the BS makes of the reports, on top of their levels, and no UE knows of: learnt filters over "
        "delay and angle; by default nothing",
    )
    enhancer_weights: Path | None = Field(
        default=None, description="filters of `linksim context-enhancer` (safetensors); by default those that ship"
    )

    @model_validator(mode="after")
    def _one_step(self) -> Self:
        if self.memory and self.step is None:
            given = "target_bits" if self.payload_bits is None else "payload_bits"
            raise ValueError(f"memory: got 1 with {given}, expected it with step, which all reports share")
        return self

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.csi == "matrix" and self.rank != 1:
            raise ValueError(f"rank: got {self.rank} with csi 'matrix', expected it with csi 'eigenvectors'")
        if self.memory_tables is not None and not (self.csi == "eigenvectors" and self.memory):
            raise ValueError(
                f"memory_tables: got a file with csi {self.csi!r} and memory {self.memory}, expected it with csi "
                "'eigenvectors' and memory 1"
            )
        if self.csi == "eigenvectors" and self.enhancer is not None:
            raise ValueError("enhancer: got 'filters' with csi 'eigenvectors', expected it with csi 'matrix'")
        return self

    @model_validator(mode="after")
    def _enhanced(self) -> Self:
        if self.enhancer_weights is not None and self.enhancer is None:
            raise ValueError("enhancer_weights: got a file without enhancer, expected it with enhancer 'filters'")
        if self.enhancer is not None and self.memory:
            raise ValueError("enhancer: got 'filters' with memory, expected it for reports that stand alone")
        return self

    @property
    def traits(self) -> type[CompressorTraits]:
        """Those of the compressor, which takes and gives something else where eigenvectors are reported."""
        return type(self) if self.csi == "matrix" else on_eigenvectors(type(self))

    def level_shape(self, dimensions: CsiDimensions) -> "LevelShape":
        """Delays, layers, tilts and columns of a channel's matrices."""
        from feedback.context_codec.kernel import LevelShape

        if self.csi == "eigenvectors":
            known = dimensions
            return LevelShape(known.n_subbands, known.n_polarizations, known.n_rows, known.n_columns)
        layers = dimensions.n_rx * dimensions.n_polarizations
        return LevelShape(dimensions.n_delay, layers, dimensions.n_rows, dimensions.n_columns)

    def read_tables(self) -> "ContextTables":
        """The tables of the context model."""
        from feedback.context_codec.tables import read_tables, shipped_eigenvector_tables, shipped_tables

        if self.tables is not None:
            return read_tables(self.tables)
        return shipped_tables() if self.csi == "matrix" else shipped_eigenvector_tables()

    def read_memory_tables(self) -> "ContextTables":
        """The tables of the context model for eigenvectors' reports that build on the one before."""
        from feedback.context_codec.tables import read_tables, shipped_following_tables

        return shipped_following_tables() if self.memory_tables is None else read_tables(self.memory_tables)

    def read_enhancer_weights(self) -> "Weights | None":
        """The weights of the filters at the BS, ``None`` without."""
        from feedback.enhancement.weights import read_weights

        return None if self.enhancer is None else read_weights(self.enhancer_weights)

    def check(self, dimensions: CsiDimensions) -> bool:
        """Tables and filters of one's own can be read, and a report of zeros has no more bits than asked."""
        if self.enhancer_weights is not None:
            self.read_enhancer_weights()
        if self.memory_tables is not None:
            self.read_memory_tables()
        if self.tables is not None:
            self.read_tables()
        if all(bits is None for bits in (self.target_bits, self.payload_bits, self.max_bits)):
            return True
        from feedback.context_codec.codec import ContextCodec
        from feedback.context_codec.layer_codec import LayerCodec
        from feedback.context_codec.rate_control import COARSEST_STEP
        from feedback.context_codec.rotation import panel_rotations
        from feedback.context_codec.side_information import ScaleGrid

        shape, tables = self.level_shape(dimensions), self.read_tables()
        step = None if self.payload_bits is not None else self.step or COARSEST_STEP
        codec: ContextCodec | LayerCodec
        if self.csi == "eigenvectors":
            rotations = panel_rotations(dimensions.n_rows, dimensions.n_columns)
            codec = LayerCodec(shape, self.rank, rotations, step, self.payload_bits, self.max_bits, tables)
        else:
            codec = ContextCodec(shape, step, self.payload_bits, self.max_bits, ScaleGrid(self.scale_bits), tables)
        if self.target_bits is not None:
            self.check_bits(codec.fewest_bits)
        if self.memory:
            self._check_memory(codec)
        return True

    def _check_memory(self, codec: "ContextCodec | LayerCodec") -> None:
        """Passes bounds that reports with memory fit into, which say their place among the others as well."""
        from feedback.context_codec.layer_codec import LayerCodec
        from feedback.context_codec.layer_sequence import LayerSequenceCodec
        from feedback.context_codec.sequence import SequenceCodec

        if isinstance(codec, LayerCodec):
            LayerSequenceCodec(codec, self.alone_every, self.read_memory_tables())
        else:
            SequenceCodec(codec, self.alone_every)
