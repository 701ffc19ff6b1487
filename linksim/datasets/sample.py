"""Angular-delay matrices of a sample of channels, and tracks of moving ones, read in parts that fit into memory."""

import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE, PathSource
from channels.sources.dataset import DatasetSource
from channels.statistics import matrices as statistics
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.direct_angular_delay import truncated_paths
from linksim.datasets.input import ChannelInput

# Generators whose ``normalise`` is exact over the band, so that what the rows lack of it is the energy cut off.
_NORMALISED_OVER_THE_BAND = ("cost2100", "sionna")
_ENTRIES_AT_A_TIME = 1 << 24


def read_matrices(channels: ChannelInput, n: int, n_delay: int) -> Tensor:
    """First ``n`` truncated matrices of the split, ``[n, n_delay, n_ports]``, complex64."""
    parts = []
    for start in range(0, n, BLOCK_SIZE):
        stop = min(start + BLOCK_SIZE, n)
        parts.append(channels.source.read_truncated(channels.split, start, stop, n_delay))
    return torch.cat(parts)


def read_tracks(channels: ChannelInput, start: int, stop: int, n_delay: int, snapshots: Snapshots) -> Tensor:
    """Truncated matrices of moving samples, ``[stop - start, n_snapshots, n_delay, n_ports]``, complex64."""
    source = channels.source
    if isinstance(source, PathSource):
        parts = [
            truncated_paths(
                source.read_paths(channels.split, first, min(first + BLOCK_SIZE, stop), snapshots),
                source.grid,
                source.array,
                n_delay,
            )
            for first in range(start, stop, BLOCK_SIZE)
        ]
        return torch.cat(parts)
    transform = AngularDelayTransform(source.grid, source.array, n_delay)
    step = max(1, _ENTRIES_AT_A_TIME // (snapshots.n * source.grid.n_subcarriers * source.array.n_ports))
    parts = []
    for first in range(start, stop, step):
        batch = source.read(channels.split, first, min(first + step, stop), snapshots)
        parts.append(transform.truncate(batch.response))
    return torch.cat(parts)


def energy_kept(channels: ChannelInput, csi: Tensor) -> Tensor | None:
    """Share of the full band's energy in the rows of each matrix, ``[n]``, float64; ``None`` where it is not known.

    It is known where samples have mean power 1 over the whole band: a generator's that normalises, and a data set's
    that was built from one.
    """
    source = channels.source
    if isinstance(source, DatasetSource):
        made_by, normalised = source.manifest.source, bool(source.manifest.parameters.get("normalise"))
        normalised = normalised and not source.parameters.normalise
    else:
        made_by, normalised = channels.parameters.source, bool(getattr(channels.parameters, "normalise", False))
    if made_by not in _NORMALISED_OVER_THE_BAND or not normalised:
        return None
    return statistics.energy(csi) / (source.grid.n_subcarriers * source.array.n_ports)
