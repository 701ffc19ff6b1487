"""What a scenario says of a predictor of the channel, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from feedback.registry import Registry
from feedback.traits import Traits


class PredictorTraits(Traits):
    """What is known of a predictor of the channel before it is built.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1


PREDICTORS: Registry[Any] = Registry("feedback.predictors", "predictor")


class PredictorParameters(PredictorTraits, BaseModel):
    """Parameters that every predictor has; each predictor extends it with its own ``name`` literal."""

    # Built when a scenario names it, as one names few.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    name: str

    @property
    def min_reports(self) -> int:
        """Reports without which it can do nothing."""
        return 1

    @property
    def default_reports(self) -> int:
        """Reports that it sees unless a scenario says otherwise."""
        return 1
