"""What was measured of some samples: accumulators by compressor and metric."""

from linksim.statistics.accumulator import Accumulator

# Accumulators by (compressor, metric).
Measurements = dict[tuple[str, str], Accumulator]


def merge(into: Measurements, other: Measurements) -> None:
    """Adds one shard's measurements to another's, exactly."""
    for key, accumulator in other.items():
        if key in into:
            into[key].merge(accumulator)
        else:
            into[key] = accumulator
