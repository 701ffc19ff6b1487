"""No prediction: the channel is taken to stay as it was reported."""

from torch import Tensor

from feedback.predictor import PREDICTORS, Predictor, ReportHistory
from feedback.predictors.parameters.hold import HoldParameters


@PREDICTORS.register("hold")
class Hold(Predictor):
    """Uses the last report that arrived as it is; the honest baseline."""

    Parameters = HoldParameters

    def predict(self, history: ReportHistory) -> Tensor:
        """The last good report."""
        return history.last_good
