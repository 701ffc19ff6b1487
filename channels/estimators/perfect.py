"""The estimator of a UE that knows the channel."""

from torch import Tensor

from channels.estimator import ESTIMATORS, Estimator, NormalDraw
from channels.estimators.parameters.perfect import PerfectParameters


@ESTIMATORS.register("perfect")
class Perfect(Estimator):
    """The UE knows the channel."""

    Parameters = PerfectParameters

    def estimate(self, response: Tensor, snr: float, draw: NormalDraw) -> Tensor:
        """The channel itself."""
        return response
