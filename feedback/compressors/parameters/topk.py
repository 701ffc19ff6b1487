"""Parameters of top-k reporting."""

from typing import Literal

from feedback.compressor_parameters import CompressorParameters, complex_codeword_length
from feedback.csi_dimensions import CsiDimensions


class TopKParameters(CompressorParameters):
    """Parameters of ``topk``: none of its own."""

    titles = ("top-k",)

    name: Literal["topk"] = "topk"

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts."""
        complex_codeword_length(dimensions.matrix, self.compression_ratio)
        return True
