"""The true channels of a scenario's source, as tasks for workers make them."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.estimators.symbol_timing import advance, tracked_start
from channels.source import BLOCK_SIZE, Source, Split
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of


def truncated_channels(scenario: Scenario, split: Split, start: int, stop: int) -> NDArray[np.complex64]:
    """True angular-delay matrices of a split, not normalised, ``[stop - start, Na, Nt]``.

    Their delay axis begins where the UE's timing puts it, as on the axis of another a compressor would learn delays
    that no report has.
    """
    source, n_delay = source_of(scenario), scenario.transform.n_delay
    transform = AngularDelayTransform(source.grid, source.array, n_delay)

    def read(first: int, last: int) -> Tensor:
        if scenario.estimation.timing == "perfect":
            return source.read_truncated(split, first, last, n_delay)
        return transform.truncate(true_response(scenario, source, split, first, last))

    parts = [read(first, min(first + BLOCK_SIZE, stop)).cpu() for first in range(start, stop, BLOCK_SIZE)]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi


def true_response(scenario: Scenario, source: Source, split: Split, start: int, stop: int) -> Tensor:
    """True responses at rest, ``[stop - start, n_subcarriers, n_ports]``, on the delay axis of a UE without noise."""
    response = source.read(split, start, stop, Snapshots()).response[:, 0]
    if scenario.estimation.timing == "perfect":
        return response
    begins = tracked_start(response, math.inf, _no_noise, source.grid, scenario.transform.n_delay)
    return advance(response, begins, source.grid)


def _no_noise(shape: tuple[int, ...]) -> Tensor:
    raise AssertionError("pilots without noise take no draws")
