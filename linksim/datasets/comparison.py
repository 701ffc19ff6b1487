"""Two sets of channels side by side: every statistic with its interval, and the distance between the sets."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.statistics import matrices as statistics
from channels.statistics.sliced_wasserstein import SetDistance, compare_sets, phase_free
from channels.statistics.temporal import hold_nmse, temporal_correlation
from linksim.datasets.input import ChannelInput
from linksim.datasets.sample import energy_kept, read_matrices, read_tracks
from linksim.errors import InputError
from linksim.statistics.accumulator import Estimate
from linksim.statistics.accumulators import MeanAccumulator

# Tracks cost a response per snapshot, and few of them say enough.
MAX_TRACKS = 50
_WAVELENGTHS = 2.0
# Shares of the entries at which the sparsity curve is taken.
SPARSITY_PERCENT = tuple(range(1, 31))


@dataclass(frozen=True)
class Track:
    """Temporal statistics of moving samples.

    Attributes:
        lags_s: ``[n_lags]``, seconds, from 0.
        correlation: modulus of the correlation, ``[n, n_lags]``.
        hold: NMSE of holding a snapshot, ``[n, n_lags]``, linear.
    """

    lags_s: Tensor
    correlation: Tensor
    hold: Tensor


@dataclass(frozen=True)
class SampleStatistics:
    """Statistics of one set of channels, per sample, float64.

    Attributes:
        channels: where they come from.
        csi: the matrices ``[n, n_delay, n_ports]``.
        delay_spread_s: RMS delay spread of the rows, ``[n]``.
        angular_spread_rad: circular spread of the columns, electrical, ``[n]``.
        delay_profile: ``[n, n_delay]``.
        angle_profile: ``[n, n_ports]``.
        sparsity: energy in the largest 1 to 30 % of the entries, ``[n, 30]``.
        image_energy: energy of the CsiNet image, ``[n]``.
        energy_kept: share of the band's energy in the rows, ``[n]``, ``None`` where not known.
        track: temporal statistics, ``None`` unless both sets move.
    """

    channels: ChannelInput
    csi: Tensor
    delay_spread_s: Tensor
    angular_spread_rad: Tensor
    delay_profile: Tensor
    angle_profile: Tensor
    sparsity: Tensor
    image_energy: Tensor
    energy_kept: Tensor | None
    track: Track | None


@dataclass(frozen=True)
class Row:
    """A statistic of both sets.

    Attributes:
        statistic: name.
        at: row, column, share or lag that it belongs to, empty where it has none.
        unit: unit, empty for a number.
        a: mean and interval in set A, ``None`` where not known.
        b: the same in set B.
        errors: difference A - B in standard errors of that difference, ``None`` where there is none.
    """

    statistic: str
    at: str
    unit: str
    a: Estimate | None
    b: Estimate | None
    errors: float | None


@dataclass(frozen=True)
class Comparison:
    """Statistics of sets A and B.

    Attributes:
        a: set A.
        b: set B.
        rows: all statistics that are single numbers.
        distance: sliced Wasserstein distance, ``None`` if the matrices differ in shape or the sets are too small.
    """

    a: SampleStatistics
    b: SampleStatistics
    rows: list[Row]
    distance: SetDistance | None


def compare(a: ChannelInput, b: ChannelInput, n_samples: int, seed: int) -> Comparison:
    """Compares the first samples of two sets over the delay rows that both have.

    Args:
        a: set A.
        b: set B.
        n_samples: samples of each, at most.
        seed: of the random projections and halves of the distance.

    Raises:
        InputError: if a split is empty, or two recordings have other time steps.
        ChannelInputError: if a file is damaged.
    """
    n_delay = min(a.n_delay, b.n_delay)
    snapshots = _common_snapshots(a, b)
    one, two = (_statistics(channels, n_samples, n_delay, snapshots) for channels in (a, b))
    distance = None
    if one.csi.shape[1:] == two.csi.shape[1:] and min(len(one.csi), len(two.csi)) >= 4:
        generator = torch.Generator().manual_seed(seed)
        distance = compare_sets(phase_free(one.csi), phase_free(two.csi), generator)
    return Comparison(one, two, _rows(one, two), distance)


def _statistics(channels: ChannelInput, n_samples: int, n_delay: int, snapshots: Snapshots | None) -> SampleStatistics:
    n = channels.available(n_samples)
    csi = read_matrices(channels, n, n_delay)
    track = None
    if snapshots is not None:
        states = read_tracks(channels, 0, min(n, MAX_TRACKS), n_delay, snapshots)
        lags = torch.tensor(snapshots.times_s, dtype=torch.float64)
        track = Track(lags, temporal_correlation(states), hold_nmse(states))
    return SampleStatistics(
        channels=channels,
        csi=csi,
        delay_spread_s=statistics.rms_delay_spread(csi, channels.source.grid.bandwidth_hz),
        angular_spread_rad=statistics.angular_spread(csi, channels.source.array),
        delay_profile=statistics.delay_profile(csi),
        angle_profile=statistics.angle_profile(csi),
        sparsity=statistics.sparsity_curve(csi, [percent / 100 for percent in SPARSITY_PERCENT]),
        image_energy=statistics.image_energy(csi),
        energy_kept=energy_kept(channels, csi),
        track=track,
    )


def _common_snapshots(a: ChannelInput, b: ChannelInput) -> Snapshots | None:
    """Snapshots that both can give: those of a recording, or as the faster of two generators needs them."""
    if not (a.moves and b.moves):
        return None
    recorded = [channels for channels in (a, b) if channels.step_s is not None]
    if len(recorded) == 2 and a.step_s != b.step_s:
        raise InputError(f"{b.label}: got snapshots {b.step_s:g} s apart, expected {a.step_s:g} s as in {a.label}")
    if recorded:
        return min((channels.snapshots(_WAVELENGTHS) for channels in recorded), key=lambda times: times.n)
    return min((channels.snapshots(_WAVELENGTHS) for channels in (a, b)), key=lambda snapshots: snapshots.times_s[1])


def _rows(a: SampleStatistics, b: SampleStatistics) -> list[Row]:
    rows = [
        _row("RMS delay spread", "", "ns", a.delay_spread_s * 1e9, b.delay_spread_s * 1e9),
        _row("angular spread", "", "deg", a.angular_spread_rad.rad2deg(), b.angular_spread_rad.rad2deg()),
    ]
    for share in statistics.SPARSITY_SHARES:
        i = SPARSITY_PERCENT.index(round(100 * share))
        at = f"largest {100 * share:.0f} %"
        rows.append(_row("energy", at, "", a.sparsity[:, i], b.sparsity[:, i]))
    if a.energy_kept is not None or b.energy_kept is not None:
        rows.append(_row("energy kept", f"{a.csi.shape[1]} rows", "", a.energy_kept, b.energy_kept))
    rows.append(_row("image energy", "", "", a.image_energy, b.image_energy))
    if a.track is not None and b.track is not None:
        for lag in _few_lags(len(a.track.lags_s)):
            at = f"{1e3 * float(a.track.lags_s[lag]):.3g} ms"
            rows.append(_row("correlation", at, "", a.track.correlation[:, lag], b.track.correlation[:, lag]))
        for lag in _few_lags(len(a.track.lags_s)):
            at = f"{1e3 * float(a.track.lags_s[lag]):.3g} ms"
            rows.append(_row("NMSE of holding", at, "dB", a.track.hold[:, lag], b.track.hold[:, lag]))
    return rows


def profile_rows(comparison: Comparison) -> list[Row]:
    """Delay and angle profiles, a row each delay and column; angles only where both sets have as many."""
    a, b = comparison.a, comparison.b
    rows = [
        _row("delay profile", f"row {n}", "", a.delay_profile[:, n], b.delay_profile[:, n])
        for n in range(a.delay_profile.shape[1])
    ]
    if a.angle_profile.shape[1] == b.angle_profile.shape[1]:
        rows += [
            _row("angle profile", f"column {n}", "", a.angle_profile[:, n], b.angle_profile[:, n])
            for n in range(a.angle_profile.shape[1])
        ]
    return rows


def _row(statistic: str, at: str, unit: str, a: Tensor | None, b: Tensor | None) -> Row:
    decibel = unit == "dB"
    return Row(statistic, at, unit, _estimate(a, decibel), _estimate(b, decibel), _standard_errors(a, b))


def _estimate(values: Tensor | None, decibel: bool) -> Estimate | None:
    if values is None:
        return None
    accumulator = MeanAccumulator("statistic", decibel=decibel)
    accumulator.update(values)
    return accumulator.estimate()


def _standard_errors(a: Tensor | None, b: Tensor | None) -> float | None:
    """Difference of two means in standard errors of that difference; in linear units, also where shown in dB."""
    if a is None or b is None or min(len(a), len(b)) < 2:
        return None
    variance = float(a.var()) / len(a) + float(b.var()) / len(b)
    difference = float(a.mean()) - float(b.mean())
    if variance == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / math.sqrt(variance)


def _few_lags(n: int) -> list[int]:
    return [lag for lag in (1, 2, 4, 8, 16, 32) if lag < n]
