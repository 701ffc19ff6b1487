"""What runs in a worker process: shards of a point, and training channels.

A task is a pure function of what it is sent, so that it may run in any process, and again after one died.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from channels.channel_batch import ChannelBatch
from channels.source import BLOCK_SIZE
from linksim.chain.chain import Chain
from linksim.chain.report_times import ReportTimes
from linksim.chain.stage_times import StageTimes
from linksim.preparation.fitting import load_fallback, load_schemes
from linksim.scenario.identity import channels_key
from linksim.scenario.model import Scenario
from linksim.scenario.sources import device_of, source_of
from linksim.statistics.measurements import Measurements, merge
from linksim.storage.channel_cache import ChannelCache
from linksim.storage.partial_results import PartialResults, PointContent


@dataclass(frozen=True)
class SharedFolders:
    """Folders that all workers see, as ``RunFolder`` has them."""

    points: Path
    fitted: Path
    channels: Path


def measure_shard(
    content: PointContent, folders: SharedFolders, start: int, stop: int
) -> tuple[Measurements, StageTimes]:
    """Runs the chain on test channels ``start`` to ``stop - 1`` of a point, and keeps what it measured.

    A shard that was measured before is loaded, so repeating one whose result got lost costs nothing.

    All arithmetic is done in blocks of ``BLOCK_SIZE``, because the last digit of a product depends on the number of
    rows that are multiplied at once.
    """
    results = PartialResults(folders.points)
    kept = results.load(content, start, stop)
    if kept is not None:
        return kept, StageTimes()
    content.require_unchanged()
    chain, read = open_point(content.scenario, folders)
    measurements: Measurements = {}
    times = chain.times
    for first in range(start, stop, BLOCK_SIZE):
        with times.stage("channels"):
            batch = read(first, min(first + BLOCK_SIZE, stop))
        merge(measurements, chain.measure(batch, first))
    # What was read while a file was replaced belongs to neither of its contents.
    content.require_unchanged()
    results.save(content, start, stop, measurements, chain.samples.recorded())
    return measurements, times


def open_point(scenario: Scenario, folders: SharedFolders) -> tuple[Chain, Callable[[int, int], ChannelBatch]]:
    """The chain of a point, and what reads its test channels from one to before another."""
    device, source = device_of(scenario), source_of(scenario)
    cache = ChannelCache(source, folders.channels / channels_key(scenario, device.type))
    schemes = load_schemes(scenario, folders.fitted, device)
    chain = Chain(scenario, source, schemes, device, load_fallback(scenario, folders.fitted))
    snapshots = ReportTimes.of(scenario.feedback).snapshots
    return chain, lambda start, stop: cache.read("test", start, stop, snapshots)
