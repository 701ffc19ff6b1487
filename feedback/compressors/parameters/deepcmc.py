"""Parameters of DeepCMC."""

from typing import Literal

from pydantic import Field

from feedback.compressor_parameters import reduced_sizes, whole_maps
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.neural_parameters import LinearStartParameters
from feedback.training.disturbance import Disturbance

# By how much each convolution at the UE is followed by fewer rows and columns.
REDUCTIONS = (4, 2, 2)


class DeepCmcParameters(LinearStartParameters):
    """Parameters of ``deepcmc``."""

    titles = ("DeepCMC",)
    results_version = 2

    name: Literal["deepcmc"] = "deepcmc"
    width: int = Field(default=256, ge=1, le=4096, description="kernels of every hidden layer; the paper's are 256")
    disturbance: Disturbance | None = Field(
        default=Disturbance(rate_weight=1e-3),
        description="noise and quantisation of codewords in training; by default whole numbers whose bits are in the "
        "loss, as in the paper, for the quantiser entropy_coded with step 1; null: none",
    )

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is whole maps, and has room for the start that is asked for."""
        problem = self.start_problem(self.matrix_shape(dimensions))
        if self.init == "klt" and problem is not None:
            raise FeedbackInputError(f"init: got 'klt', expected 'xavier': {problem}")
        return True

    def start_problem(self, shape: tuple[int, int]) -> str | None:
        """Why it cannot start as a KLT of patches, in a few words; ``None`` where it can.

        A complex value takes two maps, and four kernels, as opposite values cross activations as pairs.

        Raises:
            FeedbackInputError: as ``latent_maps``.
        """
        n_maps = self.latent_maps(shape)
        if self.width < 4:
            return f"{self.width} kernels have no room for a pair of a complex value"
        return "a codeword of one map has no room for a complex value" if n_maps < 2 else None

    def latent_maps(self, shape: tuple[int, int]) -> int:
        """Feature maps of the codeword, which the compression ratio says.

        Args:
            shape: delay rows and ports.

        Raises:
            FeedbackInputError: if the codeword is not a whole number of maps.
        """
        return whole_maps(shape, self.compression_ratio, map_sizes(shape)[-1])


def map_sizes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows and columns of an image and after each reduction, rounded up."""
    return reduced_sizes(shape, REDUCTIONS)
