"""What a scenario says of compressors that quantise and entropy-code coefficients themselves; without PyTorch."""

import math
from typing import ClassVar, Self

from pydantic import Field, model_validator

from feedback.compressor_parameters import CompressorParameters, CompressorTraits, complex_codeword_length
from feedback.context_codec.limits import MAX_BITS, MAX_STEP, MIN_STEP
from feedback.context_codec.side_information import STEP_BITS
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.matrix_parameters import MatrixFormParameters, MatrixParameters
from feedback.transform_coding.sizes import CLOSING_BITS, MAX_PROBABILITY

MODES = ("step", "target_bits", "payload_bits")
_OF_A_MODE = ("scale_bits", "max_bits")


class OwnBitsTraits(CompressorTraits):
    """Traits of a section in which a key says how many bits."""

    learns = True
    own_scale = True
    sends = "bitstream"
    reserves_bits = True
    has_ratio = False


class OwnBitsParameters(CompressorParameters):
    """Keys of compressors that quantise and entropy-code themselves, where one of three keys says how many bits."""

    step: float | None = Field(
        default=None, ge=MIN_STEP, le=MAX_STEP, description="quantiser step over the root mean square of the entries"
    )
    target_bits: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="mean bits of a report; the step is found from training channels, which have no noise",
    )
    payload_bits: int | None = Field(
        default=None, ge=1, le=MAX_BITS, description="bits of every report, each with the finest step that fits"
    )
    scale_bits: int = Field(
        default=6, ge=1, le=16, description="bits of the scale beside entropy-coded levels, within the training's range"
    )
    max_bits: int | None = Field(
        default=None,
        ge=1,
        le=MAX_BITS,
        description="bits to reserve where lengths vary; by default 1.25 times the longest of training",
    )

    @property
    def makes_bits(self) -> bool:
        """Whether one of the keys says how many bits."""
        return any(getattr(self, key) is not None for key in MODES)

    def check_bits(self, fewest_bits: int) -> None:
        """Passes numbers of bits that some report may have.

        Args:
            fewest_bits: of a report, at the coarsest step where the section gives none.

        Raises:
            FeedbackInputError: for fewer.
        """
        for key in ("target_bits", "payload_bits", "max_bits"):
            given = getattr(self, key)
            if given is not None and given < fewest_bits:
                raise FeedbackInputError(
                    f"{key}: got {given:g}, expected at least {fewest_bits}: no report takes fewer bits"
                )

    @model_validator(mode="after")
    def _at_most_one_mode(self) -> Self:
        given = [key for key in MODES if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[-1]}: got {' and '.join(given)}, expected one of {', '.join(MODES)}")
        if given and self.compression_ratio is not None:
            raise ValueError(
                f"compression_ratio: got {self.compression_ratio} with {given[0]}, which says the bits, "
                "expected one of them"
            )
        idle = [key for key in _OF_A_MODE if getattr(self, key) != type(self).model_fields[key].default]
        if idle and not given:
            raise ValueError(f"{idle[0]}: got it without any of {', '.join(MODES)}, expected one of them")
        if self.payload_bits is not None and self.max_bits is not None:
            raise ValueError("max_bits: got it with payload_bits, which is what to reserve; expected one of them")
        return self


class OwnBitsOnlyParameters(OwnBitsTraits, OwnBitsParameters):
    """Keys of compressors that always quantise and entropy-code themselves."""

    @model_validator(mode="after")
    def _needs_a_mode(self) -> Self:
        if not self.makes_bits:
            raise ValueError(f"step: got none, expected one of {', '.join(MODES)}")
        return self


class TransformCodeParameters(MatrixFormParameters, OwnBitsParameters):
    """Keys of transform codes, of the channel's matrix or of that of its eigenvectors."""

    def check_code(self, dimensions: CsiDimensions) -> None:
        """Refuses numbers of bits that no report has, whatever is learnt; more than that only the fit will tell.

        A report says strongest beams, scale and step as far as it has them. Then it decides for each part of every
        coefficient whether it is zero, which takes some bits even where the tables are as sure as they may be.

        Raises:
            FeedbackInputError: for fewer bits.
        """
        ahead = self.alignment_bits(dimensions) + (self.scale_bits if self.csi == "matrix" else 0)
        ahead += STEP_BITS if self.payload_bits is not None else 0
        decisions = 2 * math.prod(self.matrix_shape(dimensions))
        self.check_bits(ahead + max(CLOSING_BITS, math.ceil(-decisions * math.log2(MAX_PROBABILITY))))


class MatrixOrOwnBitsParameters(MatrixParameters, TransformCodeParameters):
    """Keys of compressors that send values of a matrix, or bits of their own where a key says how many.

    Attributes:
        coded_traits: traits with bits of its own, of matrices.
    """

    coded_traits: ClassVar[type[CompressorTraits]]

    @property
    def traits(self) -> type[CompressorTraits]:
        """Those of bits of its own where a key says how many."""
        return self.in_its_form(self.coded_traits) if self.makes_bits else super().traits

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts; numbers of bits are such as a report may have."""
        if self.makes_bits:
            self.check_code(dimensions)
            return True
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
