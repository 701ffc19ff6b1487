"""The estimator of a UE that knows the channel."""

from typing import Literal

from torch import Tensor

from channels.estimator import ESTIMATORS, Estimator, EstimatorParameters, NormalDraw


@ESTIMATORS.register("perfect")
class Perfect(Estimator):
    """The UE knows the channel."""

    titles = ("perfect",)

    class Parameters(EstimatorParameters):
        """Parameters of the estimator ``perfect``: ``snr_db`` has no effect."""

        name: Literal["perfect"] = "perfect"

    def estimate(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        """The channel itself."""
        return response
