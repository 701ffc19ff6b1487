"""Parameters of CLLWCsiNet."""

from typing import Literal

from pydantic import Field

from feedback.compressor_parameters import latent_maps
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.neural_parameters import LinearStartParameters
from feedback.training.disturbance import Disturbance

RATIOS = (4, 8, 16)


class CllwCsiNetParameters(LinearStartParameters):
    """Parameters of ``cllwcsinet``."""

    titles = ("CLLWCsiNet",)
    results_version = 2

    name: Literal["cllwcsinet"] = "cllwcsinet"
    disturbance: Disturbance | None = Field(
        default=Disturbance(snr_db=(-5, 40)),
        description="noise and quantisation of codewords in training; by default the paper's range of SNR; null: none",
    )

    def check(self, dimensions: CsiDimensions) -> bool:
        """The paper says how wide the layers are at three ratios."""
        super().check(dimensions)
        shape = self.matrix_shape(dimensions)
        latent_maps(shape, self.known_ratio(shape[0]))
        return True

    def known_ratio(self, n_delay: int) -> int:
        """The compression ratio.

        Raises:
            FeedbackInputError: if the paper has no layers for it, or not for matrices of so many rows.
        """
        ratio = self.compression_ratio
        if ratio not in RATIOS or n_delay % 4:
            raise FeedbackInputError(
                f"cllwcsinet: got compression_ratio {ratio:g} and {n_delay} delay rows, "
                "expected a ratio of 4, 8 or 16 and a multiple of 4 rows"
            )
        return int(ratio)
