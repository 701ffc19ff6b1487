"""Percentiles over the samples of a point: what its means and intervals do not say of the distribution."""

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np

from linksim.statistics.accumulators import MeanAccumulator, PresentMeanAccumulator, ProportionAccumulator
from linksim.statistics.measurements import Measurements
from linksim.storage.sample_values import SampleValues

# Columns of the results table, and the percentile that each holds.
PERCENTILES: Final = {"p5": 5.0, "p50": 50.0, "p95": 95.0}

# By compressor and metric, then by column.
Percentiles: TypeAlias = Mapping[tuple[str, str], Mapping[str, float]]


def percentiles_of(samples: SampleValues, measurements: Measurements) -> Percentiles:
    """Percentiles of every metric that is a mean of per-sample values, in the metric's unit.

    Empty for ratios of means, maxima, and shares of samples, whose values are 0 and 1. They are linear between the
    values, before the logarithm where the unit is dB.

    Args:
        samples: per-sample values of a point.
        measurements: its accumulators; those that have seen other numbers of samples get no percentiles.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for key, accumulator in measurements.items():
        values = samples.columns.get(key)
        if not isinstance(accumulator, MeanAccumulator) or isinstance(accumulator, ProportionAccumulator):
            continue
        if values is None or not accumulator.n:
            continue
        if isinstance(accumulator, PresentMeanAccumulator) and len(values) == 2:
            values = values[:1, values[1] > 0]
        if values.shape != (1, accumulator.n):
            continue
        at = np.percentile(values[0], list(PERCENTILES.values())).tolist()
        if accumulator.decibel:
            at = [10 * math.log10(value) if value > 0 else -math.inf for value in at]
        found[key] = dict(zip(PERCENTILES, at, strict=True))
    return found
