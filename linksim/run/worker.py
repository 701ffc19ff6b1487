"""What runs in a worker process: shards of a point, and training channels.

A task is a pure function of what it is sent, so that it may run in any process, and again after one died.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from channels.channel_batch import ChannelBatch
from channels.source import BLOCK_SIZE, Split
from linksim.chain.chain import Chain, Measurements, merge
from linksim.chain.report_times import ReportTimes
from linksim.chain.stage_times import StageTimes
from linksim.preparation.fitting import load_fallback, load_schemes
from linksim.scenario.identity import channels_key
from linksim.scenario.model import Scenario
from linksim.scenario.sources import device_of, source_of
from linksim.storage.channel_cache import ChannelCache
from linksim.storage.partial_results import PartialResults, PointContent


def start_worker() -> None:
    """Readies a worker process: one thread, no Ctrl-C of its own, and no life after its parent's death."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    # Not `os.getppid`: the parent may have died while this process was starting.
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_exit_with_parent, args=(parent.pid,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


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

    Whoever repeats a shard because its result got lost on the way finds it kept.

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


def truncated_channels(scenario: Scenario, split: Split, start: int, stop: int) -> NDArray[np.complex64]:
    """True angular-delay matrices of a split, not normalised, ``[stop - start, Na, Nt]``."""
    source = source_of(scenario)
    blocks = range(start, stop, BLOCK_SIZE)
    n_delay = scenario.transform.n_delay
    parts = [source.read_truncated(split, first, min(first + BLOCK_SIZE, stop), n_delay).cpu() for first in blocks]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi
