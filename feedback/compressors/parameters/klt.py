"""Parameters of the KLT."""

from typing import Literal

from pydantic import Field

from feedback.compressor_parameters import CompressorTraits, complex_codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.own_bits_parameters import MatrixOrOwnBitsParameters, OwnBitsTraits


class CodedKltTraits(OwnBitsTraits):
    """Traits of ``klt`` with bits of its own."""

    titles = ("KLT",)
    results_version = 1


class KltParameters(MatrixOrOwnBitsParameters):
    """Parameters of ``klt``."""

    titles = ("KLT",)
    results_version = 2
    learns = True

    name: Literal["klt"] = "klt"
    separable: bool = Field(
        default=False,
        description="axes are products of one over the delays and one over the ports: found at once, not the optimum",
    )

    @property
    def traits(self) -> type[CompressorTraits]:
        """All axes, entropy-coded, where a key says how many bits."""
        return self.in_its_form(CodedKltTraits) if self.makes_bits else super().traits

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts; numbers of bits are such as a report may have."""
        if self.makes_bits:
            self.check_code(dimensions)
            return True
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
