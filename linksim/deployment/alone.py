"""A scenario of one compressor, for what is exported of it."""

from typing import Any

from feedback.compressor_parameters import CompressorParameters
from linksim.scenario.model import Scenario


def alone(scenario: Scenario, section: CompressorParameters, **changes: Any) -> Scenario:
    """The scenario with one of its compressors, at a ratio that this takes part at, without sweeps, on the CPU.

    Args:
        scenario: what the section is of.
        section: that of the compressor.
        changes: what else is set.
    """
    ratios = section.only_ratios
    ratio = scenario.compression_ratio if ratios is None or scenario.compression_ratio in ratios else ratios[0]
    only = {"compressors": (section,), "compression_ratio": ratio, "sweeps": {}, "device": "cpu"}
    return scenario.model_copy(update=only | changes)
