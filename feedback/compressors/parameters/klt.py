"""Parameters of the KLT."""

from typing import Literal

from pydantic import Field

from feedback.compressor_parameters import complex_codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.matrix_parameters import MatrixParameters


class KltParameters(MatrixParameters):
    """Parameters of ``klt``."""

    titles = ("KLT",)
    results_version = 2
    learns = True

    name: Literal["klt"] = "klt"
    separable: bool = Field(
        default=False,
        description="axes are products of one over the delays and one over the ports: found at once, not the optimum",
    )

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts."""
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
