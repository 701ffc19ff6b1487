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


def truncated_sequences(
    scenario: Scenario, split: Split, n_reports: int, start: int, stop: int
) -> NDArray[np.complex64]:
    """True angular-delay matrices of a split at each of a UE's reports, not normalised, the oldest first.

    Args:
        scenario: its ``feedback.report_period_s`` is the time from report to report, its channel says how UEs move.
        split: which split.
        n_reports: reports of each UE, ``T``.
        start: first sample.
        stop: one past the last sample.

    Returns:
        ``[stop - start, T, Na, n_ports]``.

    Raises:
        ChannelInputError: if a recording does not hold these times.
    """
    source, n_delay = source_of(scenario), scenario.transform.n_delay
    transform = AngularDelayTransform(source.grid, source.array, n_delay)
    # The newest first, as in the chain, which makes channels of the same statistics at every report.
    snapshots = Snapshots(tuple(-age * scenario.feedback.report_period_s for age in range(n_reports)))
    parts = []
    for first in range(start, stop, BLOCK_SIZE):
        last = min(first + BLOCK_SIZE, stop)
        if scenario.estimation.timing == "perfect":
            matrices = source.read_truncated_sequences(split, first, last, n_delay, snapshots)
        else:
            matrices = transform.truncate(_timed(scenario, source.read(split, first, last, snapshots).response, source))
        parts.append(matrices.flip(1).cpu())
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi


def true_response(scenario: Scenario, source: Source, split: Split, start: int, stop: int) -> Tensor:
    """True responses at rest, ``[stop - start, n_subcarriers, n_ports]``, on the delay axis of a UE without noise."""
    return _timed(scenario, source.read(split, start, stop, Snapshots()).response, source)[:, 0]


def _timed(scenario: Scenario, response: Tensor, source: Source) -> Tensor:
    """Responses ``[n, n_snapshots, n_subcarriers, n_ports]``, the oldest last, as the timing found there has them."""
    if scenario.estimation.timing == "perfect":
        return response
    begins = tracked_start(response[:, -1], math.inf, _no_noise, source.grid, scenario.transform.n_delay)
    return advance(response, begins, source.grid)


def _no_noise(shape: tuple[int, ...]) -> Tensor:
    raise AssertionError("pilots without noise take no draws")
