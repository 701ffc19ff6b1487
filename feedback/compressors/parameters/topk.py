"""Parameters of top-k reporting."""

from typing import Literal

from feedback.compressor_parameters import CompressorTraits, complex_codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.own_bits_parameters import MatrixOrOwnBitsParameters, OwnBitsTraits


class CodedTopKTraits(OwnBitsTraits):
    """Traits of ``topk`` with bits of its own."""

    titles = ("top-k",)


class TopKParameters(MatrixOrOwnBitsParameters):
    """Parameters of ``topk``."""

    titles = ("top-k",)

    name: Literal["topk"] = "topk"

    @property
    def traits(self) -> type[CompressorTraits]:
        """Positions and values entropy-coded, where a key says how many bits."""
        return self.in_its_form(CodedTopKTraits) if self.makes_bits else super().traits

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts; numbers of bits are such as a report may have."""
        if self.makes_bits:
            self.check_code(dimensions)
            return True
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
