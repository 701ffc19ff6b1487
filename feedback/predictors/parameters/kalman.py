"""Parameters of the Kalman filter."""

from typing import Literal

from pydantic import Field

from feedback.predictors.parameters.linear_prediction import LinearPredictorParameters


class KalmanParameters(LinearPredictorParameters):
    """Parameters of ``kalman``."""

    results_version = 3
    titles = ("Kalman",)

    name: Literal["kalman"] = "kalman"
    order: int = Field(
        default=2, ge=1, le=16, description="by default three times as many reports are kept; its model has no order"
    )
