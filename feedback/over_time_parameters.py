"""What a scenario says of networks with a memory on both sides, which are trained on sequences; without PyTorch."""

from typing import Self

from pydantic import Field, model_validator

from feedback.compressor_parameters import codeword_length
from feedback.csi_dimensions import CsiDimensions
from feedback.neural_parameters import Init, NeuralParameters

_NOT_TAKEN = {
    "disturbance": "its values are quantised in training as `bits` says",
    "distillation": "a teacher has no memory",
    "adaptation": "it is trained on the scenario's channel",
    "quantiser": "its values have `bits` each",
}


class OverTimeParameters(NeuralParameters):
    """Parameters of networks whose reports build on those before; ``compression_ratio`` is of these reports."""

    sends = "bitstream"
    reserves_bits = True
    learns_over_time = True

    first_ratio: float = Field(
        default=4.0, ge=0.01, le=1e6, description="2 Na Nt / codeword length of reports that stand alone"
    )
    bits: int = Field(default=4, ge=1, le=8, description="bits of each codeword value, cells of its sigmoid")
    alone_every: int = Field(
        default=8, ge=1, le=1000, description="reports from one that stands alone to the next, at most"
    )
    told_of_losses: bool = Field(
        default=True, description="the UE is told which report was lost, and makes the next stand alone"
    )
    training_reports: int = Field(
        default=8, ge=2, le=100, description="reports of a training sequence, the first of which stands alone"
    )
    init: Init = Field(
        default="klt",
        description="weights that training starts from: the KLT of what each kind of report encodes, or drawn ones",
    )

    run_time = NeuralParameters.run_time | {"alone_every", "told_of_losses"}

    @model_validator(mode="after")
    def _of_its_own(self) -> Self:
        for key, reason in _NOT_TAKEN.items():
            if getattr(self, key) is not None:
                raise ValueError(f"{key}: got one, expected none for {self.name}: {reason}")
        if self.csi != "matrix":
            raise ValueError(f"csi: got {self.csi!r}, expected 'matrix' for {self.name}")
        return self

    def check(self, dimensions: CsiDimensions) -> bool:
        """Both ratios give a codeword."""
        self.lengths(self.matrix_shape(dimensions))
        return True

    def lengths(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Values of a report that stands alone, and of one that builds on another.

        Raises:
            FeedbackInputError: if a ratio gives no whole number of them.
        """
        following = codeword_length(shape, self.compression_ratio)
        return codeword_length(shape, self.first_ratio, "first_ratio"), following
