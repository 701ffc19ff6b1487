"""What a scenario says of compressed sensing; without PyTorch."""

from pydantic import Field

from feedback.compressor_parameters import complex_codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.matrix_parameters import MatrixParameters


class RandomProjectionParameters(MatrixParameters):
    """Parameters of compressors that send a random projection."""

    learns = True

    projection_seed: int = Field(default=0, ge=0, le=2**31 - 1, description="seed of the random projection")
    iterations: int = Field(default=100, ge=1, le=10_000, description="iterations of the recovery at the BS")

    @property
    def fixed_threshold(self) -> float | None:
        """The threshold that the section says; ``None`` where it is learnt."""
        return None

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is pairs of real and imaginary parts."""
        complex_codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True
