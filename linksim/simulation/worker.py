"""What runs in a worker process: shards of a point, and training channels.

A task is a pure function of what it is sent, so that it may run in any process, and again after one died. What it
builds for that, it leaves for the next task that is sent the same.
"""

from collections.abc import Callable
from functools import partial

from channels.channel_batch import ChannelBatch
from channels.errors import ChannelInputError
from channels.source import BLOCK_SIZE
from feedback.errors import FeedbackInputError
from feedback.user_error import line_of_a_user, one_line
from linksim.chain.chain import Chain
from linksim.chain.stage_times import StageTimes
from linksim.chain.ue_work import KeptWork
from linksim.errors import InputError
from linksim.execution.worker_context import WorkerContext, takes_context
from linksim.preparation.estimator_fit import load_estimator
from linksim.preparation.prepared_point import PreparedPoint, load_fallback
from linksim.scenario.sources import device_of, source_of
from linksim.statistics.measurements import Measurements, merge
from linksim.storage.channel_cache import ChannelCache
from linksim.storage.partial_results import PartialResults

# A point's chain, and what reads its test channels from one to before another.
OpenPoint = tuple[Chain, Callable[[int, int], ChannelBatch]]


@takes_context
def measure_shard(
    context: WorkerContext, point: PreparedPoint, start: int, stop: int
) -> tuple[Measurements, StageTimes]:
    """Runs the chain on test channels ``start`` to ``stop - 1`` of a point, and keeps what it measured.

    A shard that was measured before is loaded, so repeating one whose result got lost costs nothing.

    All arithmetic is done in blocks of ``BLOCK_SIZE``, because the last digit of a product depends on the number of
    rows that are multiplied at once.

    Raises:
        InputError: if code of a user's own fails; the line names its file and line.
    """
    content, results = point.content, PartialResults(point.results)
    kept = results.load(content, start, stop)
    if kept is not None:
        return kept, StageTimes()
    content.require_unchanged()
    n_bytes = sum(scheme.n_bytes for scheme in point.schemes)
    n_bytes += 0 if point.estimator is None else point.estimator.n_bytes
    chain, read = context.kept(f"point {point.fingerprint}", partial(open_point, context, point), n_bytes)
    chain.begin()
    measurements: Measurements = {}
    times = chain.times
    for first in range(start, stop, BLOCK_SIZE):
        end = min(first + BLOCK_SIZE, stop)
        try:
            with times.stage("channels"):
                batch = read(first, end)
            merge(measurements, chain.measure(batch, first))
        except (InputError, ChannelInputError, FeedbackInputError):
            raise
        except Exception as error:
            if line := line_of_a_user(error):
                found = f"{line}: got {one_line(error)} on test channels {first} to {end - 1}"
                raise InputError(f"{found}, expected what takes any channel") from error
            raise
    # What was read while a file was replaced belongs to neither of its contents.
    content.require_unchanged()
    results.save(content, start, stop, measurements, chain.samples.recorded())
    return measurements, times


def open_point(context: WorkerContext, point: PreparedPoint) -> OpenPoint:
    """A point that can be measured. Codecs serve all points that have them fitted alike."""
    scenario = point.scenario
    device, source = device_of(scenario), source_of(scenario)
    codecs = {
        scheme.label: context.kept(
            f"codec {scheme.fingerprint} on {device}", partial(scheme.load, device), scheme.n_bytes
        )
        for scheme in point.schemes
    }
    estimator = load_estimator(scenario, point.estimator)
    kept_work = context.kept("work of UEs", KeptWork)
    learnt = "" if point.estimator is None else point.estimator.sha256
    fallback = load_fallback(point.fallback)
    chain = Chain(scenario, source, codecs, device, fallback, estimator, kept_work=kept_work, learnt=learnt)
    cache, snapshots = ChannelCache(source, point.channels), chain.report_times.snapshots
    return chain, lambda start, stop: cache.read("test", start, stop, snapshots)
