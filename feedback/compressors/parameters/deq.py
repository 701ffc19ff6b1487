"""Parameters of the deep equilibrium network."""

from typing import ClassVar, Literal

from pydantic import Field

from feedback.csi_dimensions import CsiDimensions
from feedback.neural_parameters import NeuralParameters

UE_TRAINING_ITERATIONS = 10
BS_TRAINING_ITERATIONS = 5


class DeqParameters(NeuralParameters):
    """Parameters of ``deq``. Weights are trained with 10 and 5 iterations, whatever is set here."""

    titles = ("DEQ",)
    results_version = 3

    name: Literal["deq"] = "deq"
    init: Literal["klt", "kaiming"] = Field(
        default="klt",
        description="weights that training starts from: the KLT of the training channels, or drawn ones",
    )
    ue_iterations: int = Field(default=UE_TRAINING_ITERATIONS, ge=1, le=1000, description="Te, iterations at the UE")
    bs_iterations: int = Field(default=BS_TRAINING_ITERATIONS, ge=1, le=1000, description="Td, iterations at the BS")
    ue_mac_budget: int | None = Field(
        default=None,
        ge=1,
        le=10**15,
        description="multiply-adds in the UE's budget, which sets Te (eq. 16) instead of ue_iterations",
    )
    bs_mac_budget: int | None = Field(
        default=None,
        ge=1,
        le=10**15,
        description="multiply-adds in the BS's budget, which sets Td (eq. 16) instead of bs_iterations",
    )

    run_time: ClassVar[frozenset[str]] = NeuralParameters.run_time | {
        "ue_iterations",
        "bs_iterations",
        "ue_mac_budget",
        "bs_mac_budget",
    }

    def check(self, dimensions: CsiDimensions) -> bool:
        """What a budget of multiply-adds allows is counted on the layers."""
        return super().check(dimensions) and self.ue_mac_budget is None and self.bs_mac_budget is None
