"""No prediction: the channel is taken to stay as it was reported."""

from typing import Literal

from torch import Tensor

from feedback.predictor import PREDICTORS, Predictor, PredictorParameters, ReportHistory


class HoldParameters(PredictorParameters):
    """Parameters of ``hold``: none of its own."""

    name: Literal["hold"] = "hold"


@PREDICTORS.register("hold")
class Hold(Predictor):
    """Uses the last report that arrived as it is; the honest baseline."""

    titles = ("hold",)
    Parameters = HoldParameters

    def predict(self, history: ReportHistory) -> Tensor:
        """The last good report."""
        return history.last_good
