"""What a scenario says of a predictor of the channel, and what is known of it before it is built; without PyTorch."""

from typing import Any

from feedback.plugin_section import PluginSection
from feedback.registry import Registry
from feedback.traits import Traits


class PredictorTraits(Traits):
    """What is known of a predictor of the channel before it is built."""


PREDICTORS: Registry[Any] = Registry("feedback.predictors", "predictor")


class PredictorParameters(PredictorTraits, PluginSection):
    """Parameters that every predictor has; each predictor extends it with its own ``name`` literal."""

    name: str

    @property
    def min_reports(self) -> int:
        """Reports without which it can do nothing."""
        return 1

    @property
    def default_reports(self) -> int:
        """Reports that it sees unless a scenario says otherwise."""
        return 1
