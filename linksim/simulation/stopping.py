"""How many test channels a point takes: a fixed number, or until an interval is narrow enough.

The interval is looked at after counts that follow from the results alone, so that they are the same whatever the batch
size and the number of workers. Looks are few, because an interval that may stop the sampling is, of all the intervals
looked at, one of the narrower ones: its coverage falls slightly below 95 % with every look. Where a few rare samples
make up the spread, a look before enough of them came would stop at what is both too low and seemingly sure: no point
ends before the spread is shared by a minimum number of samples.
"""

import math

from channels.source import BLOCK_SIZE
from linksim.scenario.monte_carlo_section import MonteCarloSection, StopSection
from linksim.statistics.accumulator import Estimate
from linksim.statistics.accumulators import MeanAccumulator
from linksim.statistics.measurements import Measurements


def next_count(monte_carlo: MonteCarloSection, taken: int, measurements: Measurements) -> int | None:
    """Test channels after which to look next, ``None`` if those taken are enough.

    Half widths shrink as one over the square root of the count, which foretells the count wanted; it is approached by
    no more than doubling, as the first intervals are uncertain themselves.

    Args:
        monte_carlo: the scenario's section.
        taken: test channels measured so far, at which the last look was.
        measurements: what was measured on them.
    """
    stop = monte_carlo.stop
    if taken >= monte_carlo.samples:
        return None
    if stop is None:
        return monte_carlo.samples
    if taken == 0:
        return min(_whole_blocks(stop.minimum_samples), monte_carlo.samples)
    if is_enough(stop, measurements):
        return None
    wanted = max(expected_count(monte_carlo, taken, measurements), taken + stop.minimum_samples)
    return min(_whole_blocks(min(wanted, 2 * taken)), monte_carlo.samples)


def expected_count(monte_carlo: MonteCarloSection, taken: int, measurements: Measurements) -> int:
    """Test channels that the point will take by what is known so far."""
    if monte_carlo.stop is None:
        return monte_carlo.samples
    if taken == 0:
        return min(_whole_blocks(monte_carlo.stop.minimum_samples), monte_carlo.samples)
    excess = max(widest_interval(measurements, monte_carlo.stop.metric) / monte_carlo.stop.half_width, 1.0)
    wanted = min(taken * excess * excess, monte_carlo.samples)
    return min(_whole_blocks(math.ceil(wanted)), monte_carlo.samples)


def is_enough(stop: StopSection, measurements: Measurements) -> bool:
    """Whether every compressor's interval is narrow and is made of enough samples of the kind that widens it."""
    if widest_interval(measurements, stop.metric) >= stop.half_width:
        return False
    return most_of_one_sample(measurements, stop.metric) * stop.minimum_rare_events <= 1


def most_of_one_sample(measurements: Measurements, metric: str) -> float:
    """Largest share that one sample has in the sum of squares of a metric's values, over the compressors.

    A twentieth where twenty equally rare samples make up all the spread. 0 where it is not known, of ratios of means.
    """
    accumulators = [accumulator for (_, name), accumulator in measurements.items() if name == metric]
    spreads = [each.spread() for each in accumulators if isinstance(each, MeanAccumulator) and each.n]
    return max((spread.share_of_farthest for spread in spreads), default=0.0)


def widest_interval(measurements: Measurements, metric: str) -> float:
    """Half the width of the widest interval of a metric, over the compressors.

    Infinite for a single value; 0 where more samples would not help: an error of exactly 0 in dB, or bits where no
    report has any.
    """
    estimates = [accumulator.estimate() for (_, name), accumulator in measurements.items() if name == metric]
    return max((_half_width(estimate) for estimate in estimates if estimate), default=0.0)


def _half_width(estimate: Estimate) -> float:
    if estimate.low is None or estimate.high is None:
        return 0.0 if math.isinf(estimate.value) else math.inf
    return (estimate.high - estimate.low) / 2


def _whole_blocks(count: int) -> int:
    return BLOCK_SIZE * math.ceil(count / BLOCK_SIZE)
