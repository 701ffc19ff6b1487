"""Parameters of CsiNet."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from feedback.neural_parameters import Init, NeuralParameters


class CsiNetParameters(NeuralParameters):
    """Parameters of ``csinet``."""

    titles = ("CsiNet",)
    results_version = 2

    name: Literal["csinet"] = "csinet"
    init: Init = Field(
        default="klt", description="weights that training starts from: the KLT of the training channels, or drawn ones"
    )
    keras: Path | None = Field(
        default=None,
        description="public Keras weights (HDF5) to take, in the published form with biases and batch norm by delay "
        "row, without any training here; by default none",
    )

    @property
    def weights_of_others(self) -> str | None:
        """The Keras weights."""
        return None if self.keras is None else str(self.keras)
