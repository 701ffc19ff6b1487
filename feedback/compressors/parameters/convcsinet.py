"""Parameters of ConvCsiNet and ShuffleCsiNet."""

from typing import Literal

from pydantic import Field

from feedback.compressor_parameters import reduced_sizes, whole_maps
from feedback.csi_dimensions import CsiDimensions
from feedback.neural_parameters import NeuralParameters

# How often rows and columns are halved at the UE.
HALVINGS = 4


class ConvCsiNetOptions(NeuralParameters):
    """Parameters of both."""

    width: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="kernels of the first layer, 64 in the paper; they double with each halving of rows and columns",
    )

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is whole maps."""
        self.latent_maps(self.matrix_shape(dimensions))
        return True

    def latent_maps(self, shape: tuple[int, int]) -> int:
        """Feature maps of the codeword, which the compression ratio says.

        Args:
            shape: delay rows and ports.

        Raises:
            FeedbackInputError: if the codeword is not a whole number of maps.
        """
        return whole_maps(shape, self.compression_ratio, halved_sizes(shape)[-1])


class ConvCsiNetParameters(ConvCsiNetOptions):
    """Parameters of ``convcsinet``."""

    titles = ("ConvCsiNet",)

    name: Literal["convcsinet"] = "convcsinet"


class ShuffleCsiNetParameters(ConvCsiNetOptions):
    """Parameters of ``shufflecsinet``."""

    titles = ("ShuffleCsiNet",)

    name: Literal["shufflecsinet"] = "shufflecsinet"


def halved_sizes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows and columns of an image and after each halving, rounded up."""
    return reduced_sizes(shape, (2,) * HALVINGS)
