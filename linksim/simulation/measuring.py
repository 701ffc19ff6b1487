"""Measures the points of a run: shards go to the executor, each is on disk as soon as it is measured."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feedback.links.uci.code_plan import MAX_CONTROL_PAYLOAD
from linksim.chain.samples_without_energy import left_out_warning, require_some
from linksim.chain.stage_times import StageTimes
from linksim.errors import InputError
from linksim.execution.executor import Executor
from linksim.metrics import METRICS
from linksim.metrics.channel_quality import SAMPLES_LEFT_OUT
from linksim.preparation.prepared_point import PreparedPoint
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import Point
from linksim.simulation.point_job import PointJob
from linksim.simulation.progress import PointProgress
from linksim.simulation.worker import measure_shard
from linksim.storage.partial_results import PartialResults, Range
from linksim.storage.percentiles import Percentiles, percentiles_of
from linksim.storage.run_folder import RunFolder
from linksim.storage.sample_values import gather_shards, read_samples, samples_file

_LOGGER = logging.getLogger(__name__)

_SHOWN_METRIC = "nmse_db"
# The tables are written anew as a whole, which for thousands of points takes longer than a point.
_TABLE_INTERVAL_S = 5.0


def measure_points(
    points: Sequence[Point],
    prepared: Mapping[str, PreparedPoint],
    folder: RunFolder,
    executor: Executor,
    times: StageTimes,
) -> list[str]:
    """Measures what is not measured yet; meanwhile the tables hold the points finished up to seconds ago.

    Args:
        points: the run's points; those of the same key are measured once.
        prepared: by the key of a point, all that workers need.
        folder: the run's folder.
        executor: where shards are measured.
        times: gets the wall time by stage, over all workers.

    Returns:
        What a reader of the results should know, a line each.

    Raises:
        InputError: if partial results of another scenario are in the way, a stage makes NaN, or no test channel of a
            point has energy.
    """
    results = PartialResults(folder.points)
    jobs = {point.key: PointJob(point, prepared[point.key].content, results) for point in points}
    tables = _Tables(points, jobs, results, folder)
    tasks: list[tuple[Any, ...]] = []
    owners: list[tuple[PointJob, Range]] = []

    def queue_shards(job: PointJob) -> None:
        for shard in job.advance():
            tasks.append((prepared[job.point.key], *shard))
            owners.append((job, shard))

    for job in jobs.values():
        queue_shards(job)
    _tell_what_is_kept(list(jobs.values()))
    shown_metric = _shown_metric(points[0].scenario)
    written = time.monotonic()
    with PointProgress(list(jobs.values()), shown_metric) as progress:
        for number, (measured, spent) in executor.run(measure_shard, tasks):
            job, shard = owners[number]
            times.add(spent)
            job.add(measured, shard)
            queue_shards(job)
            if job.finished and time.monotonic() - written > _TABLE_INTERVAL_S:
                tables.write()
                written = time.monotonic()
            progress.shard_finished(job)
    tables.write()
    for job in jobs.values():
        require_some(job.taken - _left_out(job), job.taken, job.point.scenario, "test")
    at_maximum = [job for job in jobs.values() if job.at_maximum]
    if at_maximum:
        line = "%d of %d points ended at the maximum of samples, interval still wider"
        _LOGGER.info(line, len(at_maximum), len(jobs))
    return [
        *_left_out_warnings(list(jobs.values())),
        *saturation_warnings(jobs.values()),
        *data_warnings(jobs.values()),
        *interval_warnings(jobs.values()),
    ]


class _Tables:
    """Tables of the points that are finished.

    Args:
        points: the run's points, in the order of the rows.
        jobs: by the key of a point.
        results: partial results of all.
        folder: the run's folder.
    """

    def __init__(
        self, points: Sequence[Point], jobs: Mapping[str, PointJob], results: PartialResults, folder: RunFolder
    ) -> None:
        self._points, self._jobs, self._results, self._folder = points, jobs, results, folder
        self._percentiles: dict[str, Percentiles] = {}

    def write(self) -> None:
        """Writes the results, and how many samples they took.

        Raises:
            InputError: if all points are finished and no metric has a value.
        """
        finished = [(point, self._jobs[point.key]) for point in self._points if self._jobs[point.key].finished]
        for point, job in finished:
            if point.key not in self._percentiles:
                self._percentiles[point.key] = _gather(job, self._results, self._folder)
        rows = ((point, job.measurements, self._percentiles[point.key]) for point, job in finished)
        if not self._folder.write_results(rows) and len(finished) == len(self._points):
            asked = ", ".join(self._points[0].scenario.metrics)
            raise InputError(f"metrics: got {asked}, of which no compressor here has a value, expected one that has")
        self._folder.write_sampling((point, job.taken, job.half_width, job.at_maximum) for point, job in finished)


def saturation_warnings(jobs: Iterable[PointJob]) -> list[str]:
    """One line with the largest share of reports whose scale lay outside its range, if any did."""
    shares = {
        label: estimate.value
        for job in jobs
        for (label, metric), accumulator in job.measurements.items()
        if metric == "scale_saturation_rate" and (estimate := accumulator.estimate()) is not None and estimate.value > 0
    }
    if not shares:
        return []
    label = max(shares, key=lambda name: shares[name])
    return [
        f"transform.scale_bits: the scale of up to {shares[label]:.2%} of the reports ({label}) lies outside the range "
        "of training channels and saturates"
    ]


def data_warnings(jobs: Iterable[PointJob]) -> list[str]:
    """One line with the compressors whose reports are not control information, if there are any."""
    labels = dict.fromkeys(
        label
        for job in jobs
        for (label, metric), accumulator in job.measurements.items()
        if metric == "data_report_rate" and (estimate := accumulator.estimate()) is not None and estimate.value > 0
    )
    if not labels:
        return []
    return [
        f"feedback.link: reports of {', '.join(labels)} are carried as data, by the LDPC code: uplink control "
        f"information has {MAX_CONTROL_PAYLOAD} bits at most, or carried_by says so"
    ]


def interval_warnings(jobs: Iterable[PointJob]) -> list[str]:
    """A line for the metrics that have no interval as it takes more values than a point has, if there are any."""
    short: dict[int, dict[str, int]] = {}
    for job in jobs:
        for (_, metric), accumulator in job.measurements.items():
            estimate, least = accumulator.estimate(), accumulator.least_for_interval
            if estimate is not None and least is not None and estimate.n < least:
                counts = short.setdefault(least, {})
                counts[metric] = min(estimate.n, counts.get(metric, least))
    return [
        f"monte_carlo.samples: no interval of {_some(counts)}, as a point has {min(counts.values())} independent "
        f"values, expected {least} or more"
        for least, counts in sorted(short.items())
    ]


def _some(names: Iterable[str]) -> str:
    """The first three names, and how many there are beside them."""
    first, more = list(names)[:3], len(list(names)) - 3
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")


def _gather(job: PointJob, results: PartialResults, folder: RunFolder) -> Percentiles:
    """Joins the per-sample values of a finished point, and takes percentiles of them."""
    file = samples_file(folder.path, job.point.key)
    gather_shards(results.folder_of(job.content), job.merged, file, job.content.labels_of_keys)
    return percentiles_of(read_samples(file), job.measurements) if file.exists() else {}


def _left_out(job: PointJob) -> int:
    counted = job.measurements.get((NO_COMPRESSOR, SAMPLES_LEFT_OUT))
    return 0 if counted is None else counted.n


def _left_out_warnings(jobs: Sequence[PointJob]) -> list[str]:
    """A line on the point that leaves out most test channels; none where none does."""
    left_out = {job.taken: _left_out(job) for job in jobs}
    most = max(left_out, key=lambda taken: left_out[taken] / taken, default=0)
    return [left_out_warning(left_out[most], most, "test")] if most and left_out[most] else []


def _tell_what_is_kept(jobs: Sequence[PointJob]) -> None:
    finished = sum(job.finished for job in jobs)
    if finished:
        _LOGGER.info("%d of %d points were finished before", finished, len(jobs))
    begun = [job for job in jobs if job.measured_count and not job.finished]
    if begun:
        kept = sum(job.measured_count for job in begun)
        _LOGGER.info("%d test channels of unfinished points were measured before", kept)


def _shown_metric(scenario: Scenario) -> str:
    stop = scenario.monte_carlo.stop
    if stop is not None:
        return stop.metric
    channels = any(entry.traits.gives == "channel" for entry in scenario.compressors)
    defined = [name for name in scenario.metrics if channels or not METRICS.get_class(name).needs_channel]
    preferred = (_SHOWN_METRIC, "sgcs")
    return next((name for name in preferred if name in defined), (defined or scenario.metrics)[0])
