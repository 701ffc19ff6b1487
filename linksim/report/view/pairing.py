"""Per-sample values of a run's points, as far as they are kept: for paired intervals and for distributions."""

import math
from functools import cached_property
from pathlib import Path

import pandas as pd

from channels.errors import ChannelInputError
from feedback.errors import FeedbackInputError
from linksim.comparison.paired_difference import (
    SampleEstimate,
    counts_some,
    has_values,
    in_both,
    paired_difference,
    sample_estimate,
)
from linksim.comparison.run_samples import RunSamples, point_rows
from linksim.errors import InputError
from linksim.scenario.sweep import Point
from linksim.storage.sample_values import SampleValues


class KeptSamples:
    """What a run keeps of each sample; a run without a scenario that still loads, or without samples, has nothing.

    Args:
        folder: of the run.
        results: its results table.
    """

    def __init__(self, folder: Path, results: pd.DataFrame) -> None:
        self._run = RunSamples(folder, folder.name, results)
        self._results = results
        self._read: dict[str, SampleValues | None] = {}
        self._estimates: dict[tuple[str, str, str], SampleEstimate] = {}

    @cached_property
    def points(self) -> list[Point]:
        """The points that have results."""
        try:
            return list(self._run.points.values())
        except (InputError, ChannelInputError, FeedbackInputError):
            return []

    def of_point(self, point: Point) -> SampleValues | None:
        """Per-sample values of a point, ``None`` where there are none that agree with its results."""
        if point.key not in self._read:
            try:
                self._read[point.key] = self._run.samples(point)
            except InputError:
                self._read[point.key] = None
        return self._read[point.key]

    def difference(self, one: pd.Series, other: pd.Series) -> tuple[float, float] | None:
        """95 % interval of the difference of two rows of the results table that belong to one point."""
        point = self._points_by_row.get(one.name)
        if point is None or self._points_by_row.get(other.name) is not point or one["metric"] != other["metric"]:
            return None
        samples, metric = self.of_point(point), str(one["metric"])
        labels = [str(row["compressor"]) for row in (one, other)]
        if samples is None or not all((label, metric) in samples.columns for label in labels):
            return None
        if counts_some(metric):
            values = in_both(metric, *(samples.columns[label, metric] for label in labels))
            if not has_values(metric, values[0]):
                return None
            first, second = (sample_estimate(metric, each) for each in values)
        else:
            first, second = (self._estimate(point, samples, label, metric) for label in labels)
        if math.isinf(first.value) or math.isinf(second.value):
            return None
        found = paired_difference(first, second)
        return None if found.low is None or found.high is None else (found.low, found.high)

    def _estimate(self, point: Point, samples: SampleValues, compressor: str, metric: str) -> SampleEstimate:
        """Kept, as the best of a column is paired with all that may be as good, and tables share columns."""
        key = (point.key, compressor, metric)
        if key not in self._estimates:
            self._estimates[key] = sample_estimate(metric, samples.columns[compressor, metric], samples.indices())
        return self._estimates[key]

    @cached_property
    def _points_by_row(self) -> dict[object, Point]:
        return {index: point for point in self.points for index in point_rows(self._results, point).index}
