"""Parameters of top-k reporting."""

from typing import Literal

from feedback.compressor_parameters import complex_codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.matrix_parameters import MatrixParameters


class TopKParameters(MatrixParameters):
    """Parameters of ``topk``: none of its own."""

    titles = ("top-k",)

    name: Literal["topk"] = "topk"

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts."""
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
