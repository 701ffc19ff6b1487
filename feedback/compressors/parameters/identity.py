"""Parameters of ``identity``."""

from typing import Literal

from feedback.compressor_parameters import CompressorParameters
from feedback.csi_dimensions import CsiDimensions


class IdentityParameters(CompressorParameters):
    """Parameters of ``identity``; its compression ratio is 1 whatever the scenario says."""

    titles = ("uncompressed",)

    name: Literal["identity"] = "identity"

    def check(self, dimensions: CsiDimensions) -> bool:
        """Any matrix will do."""
        return True
