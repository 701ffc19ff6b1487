"""Parameters of holding the last report."""

from typing import Literal

from feedback.predictor_parameters import PredictorParameters


class HoldParameters(PredictorParameters):
    """Parameters of ``hold``: none of its own."""

    titles = ("hold",)

    name: Literal["hold"] = "hold"
