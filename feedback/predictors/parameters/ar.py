"""Parameters of autoregressive prediction."""

from typing import Literal

from feedback.predictors.parameters.linear_prediction import LinearPredictorParameters


class ArParameters(LinearPredictorParameters):
    """Parameters of ``ar``."""

    titles = ("AR",)

    name: Literal["ar"] = "ar"
