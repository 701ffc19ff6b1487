"""What runs in a worker process: shards of a point, and training channels.

A task is a pure function of what it is sent, so that it may run in any process, and again after one died.
"""

import os
import signal
import threading
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE, SOURCES, Source, SourceParameters, Split
from linksim.chain import Chain, Measurements, merge
from linksim.channel_cache import ChannelCache
from linksim.errors import InputError
from linksim.fitting import load_schemes
from linksim.scenario import Scenario
from linksim.stage_times import StageTimes
from linksim.sweep import content_hash


def start_worker() -> None:
    """Readies a worker process: one thread, no Ctrl-C of its own, and no life after its parent's death."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def device_of(scenario: Scenario) -> torch.device:
    """The device that a scenario computes on.

    Raises:
        InputError: if it asks for a GPU and there is none.
    """
    available = torch.cuda.is_available()
    if scenario.device == "cuda" and not available:
        raise InputError("device: got 'cuda', expected 'cpu' or 'auto': this machine has no usable CUDA GPU")
    return torch.device("cuda" if available and scenario.device != "cpu" else "cpu")


@lru_cache(maxsize=4)
def open_source(parameters: SourceParameters, seed: int, device: torch.device) -> Source:
    """The source of a scenario; a model that took seconds to set up serves all tasks of the process."""
    return SOURCES.get_class(parameters.source)(parameters, seed=seed, device=device)


def snapshots_of(scenario: Scenario) -> Snapshots:
    """The channel when the report is made, and when its precoder is used if that is later."""
    delay_s = scenario.feedback.delay_s
    return Snapshots(2, delay_s) if delay_s > 0 else Snapshots()


def measure_shard(
    scenario: Scenario, fitted: Path, channels: Path, start: int, stop: int
) -> tuple[Measurements, StageTimes]:
    """Runs the chain on test channels ``start`` to ``stop - 1`` of a point.

    All arithmetic is done in blocks of ``BLOCK_SIZE``, because the last digit of a product depends on the number of
    rows that are multiplied at once.
    """
    device = device_of(scenario)
    source = open_source(scenario.channel, scenario.seed, device)
    cache = ChannelCache(source, channels / content_hash([scenario.channel.model_dump(), scenario.seed, device.type]))
    schemes, normalisation = load_schemes(scenario, source, fitted, device)
    chain = Chain(scenario, source, schemes, normalisation, device)
    measurements: Measurements = {}
    times = chain.times
    for first in range(start, stop, BLOCK_SIZE):
        with times.stage("channels"):
            batch = cache.read("test", first, min(first + BLOCK_SIZE, stop), snapshots_of(scenario))
        merge(measurements, chain.measure(batch, first))
    return measurements, times


def truncated_channels(scenario: Scenario, split: Split, start: int, stop: int) -> NDArray[np.complex64]:
    """True angular-delay matrices of a split, not normalised, ``[stop - start, Na, Nt]``."""
    device = device_of(scenario)
    source = open_source(scenario.channel, scenario.seed, device)
    blocks = range(start, stop, BLOCK_SIZE)
    n_delay = scenario.transform.n_delay
    parts = [source.read_truncated(split, first, min(first + BLOCK_SIZE, stop), n_delay).cpu() for first in blocks]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi
