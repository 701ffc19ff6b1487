"""One point of a run while it is measured: rounds of shards, with a look at the results after each."""

import math
from dataclasses import dataclass, field

from channels.source import BLOCK_SIZE
from feedback.number_text import number_text
from linksim.scenario.sweep import Point
from linksim.simulation.stopping import expected_count, is_enough, next_count, widest_interval
from linksim.statistics.measurements import Measurements, merge
from linksim.storage.partial_results import PartialResults, PointContent, Range, cover


@dataclass
class PointJob:
    """A point and what has been measured of it.

    Attributes:
        point: which.
        content: everything that its results depend on.
        results: where partial results are kept.
        measurements: what has been measured, finished shards merged.
        taken: test channels up to the next look; up to the last, once finished.
        finished: whether these are enough.
        measured_count: test channels of the shards merged so far.
        expected_count: test channels that the point will take, by what was known at the last look.
        merged: the ranges of test channels of these shards.
    """

    point: Point
    content: PointContent
    results: PartialResults
    measurements: Measurements = field(default_factory=dict)
    taken: int = 0
    finished: bool = False
    measured_count: int = 0
    expected_count: int = 0
    merged: list[Range] = field(default_factory=list)
    _open: int = 0

    def advance(self) -> list[Range]:
        """Merges what earlier runs kept and looks at the results, as far as that goes without new shards.

        Returns:
            Shards to measure before the next look; none if shards are being measured, or the point is finished.
        """
        monte_carlo = self.point.scenario.monte_carlo
        size = BLOCK_SIZE * math.ceil(monte_carlo.batch_size / BLOCK_SIZE)
        kept_ranges = self.results.ranges(self.content) if not self._open else []
        while not self._open and not self.finished:
            count = next_count(monte_carlo, self.taken, self.measurements)
            if count is None:
                self.finished, self.expected_count = True, self.taken
                break
            self.expected_count = max(expected_count(monte_carlo, self.taken, self.measurements), count)
            kept, missing = cover(kept_ranges, self.taken, count, size)
            for start, stop in kept:
                measured = self.results.load(self.content, start, stop)
                if measured is None:
                    missing.append((start, stop))
                else:
                    self._merge(measured, (start, stop))
            self.taken, self._open = count, len(missing)
            if missing:
                return missing
        return []

    def add(self, measured: Measurements, shard: Range) -> None:
        """Merges a shard."""
        self._open -= 1
        self._merge(measured, shard)

    def _merge(self, measured: Measurements, shard: Range) -> None:
        merge(self.measurements, measured)
        self.merged.append(shard)
        self.measured_count += shard[1] - shard[0]

    @property
    def half_width(self) -> float | None:
        """Half the width of the widest interval of the metric that stops the point, ``None`` if none does."""
        stop = self.point.scenario.monte_carlo.stop
        return None if stop is None else widest_interval(self.measurements, stop.metric)

    @property
    def at_maximum(self) -> bool:
        """Whether the point ended with its interval still wider than wanted, or made of too few rare samples."""
        stop = self.point.scenario.monte_carlo.stop
        return stop is not None and not is_enough(stop, self.measurements)

    @property
    def axes(self) -> str:
        """The swept values, for people."""
        texts = {
            axis: number_text(value) if isinstance(value, float) else value for axis, value in self.point.axes.items()
        }
        return ", ".join(f"{axis} = {text}" for axis, text in texts.items())

    @property
    def ending(self) -> str:
        """How the sampling ended, for people; empty if the number of samples was fixed."""
        if self.half_width is None:
            return ""
        return f", {self.taken} samples" + (" (the maximum)" if self.at_maximum else "")

    def labels(self, metric: str) -> list[str]:
        """Compressors that have the metric."""
        return [label for label, name in self.measurements if name == metric]

    def figure(self, label: str, metric: str) -> str:
        """A compressor's value of a metric and half its interval, for people."""
        accumulator = self.measurements.get((label, metric))
        estimate = accumulator.estimate() if accumulator else None
        if estimate is None:
            return ""
        if estimate.low is None or estimate.high is None:
            return f"{estimate.value:.3g}"
        return f"{estimate.value:.4g}±{(estimate.high - estimate.low) / 2:.2g}"
