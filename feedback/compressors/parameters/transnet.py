"""Parameters of TransNet."""

from typing import Literal

from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.neural_parameters import LinearStartParameters

HEADS = 2


class TransNetParameters(LinearStartParameters):
    """Parameters of ``transnet``."""

    titles = ("TransNet",)
    results_version = 2

    name: Literal["transnet"] = "transnet"

    def check(self, dimensions: CsiDimensions) -> bool:
        """Heads take equal parts of a row."""
        super().check(dimensions)
        self.token_width(self.matrix_shape(dimensions)[1])
        return True

    def token_width(self, n_columns: int) -> int:
        """Values of a token: those of a row.

        Raises:
            FeedbackInputError: if the heads cannot share them.
        """
        if n_columns % HEADS:
            raise FeedbackInputError(f"transnet: got {n_columns} columns, expected a multiple of its {HEADS} heads")
        return n_columns
