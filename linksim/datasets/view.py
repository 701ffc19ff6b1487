"""One channel from every side: response, angular-delay matrix, paths, and how it changes with time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Snapshots
from channels.source import BLOCK_SIZE, PathSource
from channels.sources.cost2100.source import Cost2100Source
from channels.statistics.spreads import path_powers, rms_spread
from channels.statistics.temporal import temporal_correlation
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.datasets.input import ChannelInput
from linksim.errors import InputError

_WAVELENGTHS = 4.0
# Beyond the rows kept, as many again show what is cut off.
_ROWS_SHOWN = 2


@dataclass(frozen=True)
class PathView:
    """Propagation paths of one sample at its first snapshot, those with power only.

    Attributes:
        delay_s: ``[n_paths]``, float64.
        power: ``[n_paths]``, float64, linear.
        azimuth_rad: azimuth of departure from the array axis, ``[n_paths]``, ``None`` where paths have no single one.
        delay_spread_s: RMS delay spread.
    """

    delay_s: Tensor
    power: Tensor
    azimuth_rad: Tensor | None
    delay_spread_s: float


@dataclass(frozen=True)
class TimeView:
    """A sample on its track.

    Attributes:
        times_s: ``[n_snapshots]``, float64.
        entry_power: power of port 0 at the carrier, ``[n_snapshots]``, float64.
        mean_power: mean power over band and ports, ``[n_snapshots]``, float64.
        correlation: modulus of the correlation over the lag, ``[n_snapshots]``, float64.
    """

    times_s: Tensor
    entry_power: Tensor
    mean_power: Tensor
    correlation: Tensor


@dataclass(frozen=True)
class ChannelView:
    """What there is to see of one sample.

    Attributes:
        label: name of the channels.
        sample: index of the sample.
        split: its split.
        grid: subcarriers.
        array: antennas.
        n_delay: delay rows kept.
        response: ``[n_subcarriers, n_ports]``, complex64.
        csi: angular-delay matrix ``[n_rows, n_ports]``, complex64: the rows kept and, of a generator, as many again.
        energy_kept: share of the energy in the rows kept.
        paths: ``None`` for a file.
        time: ``None`` unless the channel moves.
    """

    label: str
    sample: int
    split: str
    grid: OfdmGrid
    array: ArrayShape
    n_delay: int
    response: Tensor
    csi: Tensor
    energy_kept: float
    paths: PathView | None
    time: TimeView | None


def view_channel(channels: ChannelInput, sample: int) -> ChannelView:
    """Reads one sample.

    Raises:
        InputError: if the split has no such sample.
        ChannelInputError: if a file is damaged.
    """
    there = channels.source.n_samples(channels.split)
    if there is not None and sample >= there:
        raise InputError(
            f"--sample: got {sample}, expected 0 to {there - 1}, the {channels.split} samples of the source"
        )
    source, grid = channels.source, channels.source.grid
    response = source.read(channels.split, sample, sample + 1, Snapshots()).response[0, 0]
    # A file holds nothing beyond its rows.
    rows = channels.n_delay if there is not None else min(_ROWS_SHOWN * channels.n_delay, grid.n_subcarriers)
    transform = AngularDelayTransform(grid, source.array, channels.n_delay)
    return ChannelView(
        label=channels.label,
        sample=sample,
        split=channels.split,
        grid=grid,
        array=source.array,
        n_delay=channels.n_delay,
        response=response,
        csi=AngularDelayTransform(grid, source.array, rows).truncate(response),
        energy_kept=float(transform.energy_kept(response)),
        paths=_view_paths(channels, sample),
        time=_view_time(channels, sample, transform) if channels.moves else None,
    )


def _view_paths(channels: ChannelInput, sample: int) -> PathView | None:
    source = channels.source
    azimuth = None
    if isinstance(source, Cost2100Source):
        rays = source.read_rays(channels.split, sample // BLOCK_SIZE, Snapshots())
        link = sample % BLOCK_SIZE
        power = torch.view_as_real(rays.amplitude[link, 0]).to(torch.float64).square().sum(-1)
        delay, azimuth = rays.delay_s[link, 0], rays.aod_rad[link, 0]
    elif isinstance(source, PathSource):
        paths = source.read_paths(channels.split, sample, sample + 1, Snapshots())
        power, delay = path_powers(paths)[0], paths.delays_s[0].to(torch.float64)
    else:
        return None
    heard = power > 0
    return PathView(
        delay_s=delay[heard],
        power=power[heard],
        azimuth_rad=None if azimuth is None else azimuth[heard],
        delay_spread_s=float(rms_spread(power, delay)),
    )


def _view_time(channels: ChannelInput, sample: int, transform: AngularDelayTransform) -> TimeView:
    snapshots = channels.snapshots(_WAVELENGTHS)
    track = channels.source.read(channels.split, sample, sample + 1, snapshots).response
    power = torch.view_as_real(track[0]).to(torch.float64).square().sum(-1)
    return TimeView(
        times_s=torch.tensor(snapshots.times_s, dtype=torch.float64),
        entry_power=power[:, transform.grid.n_subcarriers // 2, 0],
        mean_power=power.mean((1, 2)),
        correlation=temporal_correlation(transform.truncate(track))[0],
    )
