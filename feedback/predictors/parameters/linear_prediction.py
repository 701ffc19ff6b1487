"""Parameters of predictors with an autoregressive model."""

from pydantic import Field

from feedback.predictor_parameters import PredictorParameters


class LinearPredictorParameters(PredictorParameters):
    """Parameters of predictors with an autoregressive model."""

    order: int = Field(default=2, ge=1, le=16, description="reports that the next one is predicted from")
    pooling: float = Field(
        default=1.0, ge=0, le=1e9, description="weight of all entries' common fit against an entry's own"
    )

    @property
    def min_reports(self) -> int:
        """As many as one equation for the coefficients takes."""
        return self.order + 1

    @property
    def default_reports(self) -> int:
        """Three times the order."""
        return max(3 * self.order, self.min_reports)
