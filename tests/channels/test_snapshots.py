"""Snapshots at any times, and how fast channels change against Clarke's curve."""

import math
from pathlib import Path

import pytest
import torch
from scipy.special import j0

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.recording import recorded_times
from channels.source import Source
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.source import SionnaSource

CPU = torch.device("cpu")
SPEED_M_S, CARRIER_HZ = 3.0, 3.5e9
DOPPLER_HZ = SPEED_M_S * CARRIER_HZ / 299792458.0


def sionna(model: str, **parameters: object) -> SionnaSource:
    small = {"n_subcarriers": 32, "n_columns": 4, "carrier_hz": CARRIER_HZ, "speed_m_s": SPEED_M_S, "model": model}
    return SionnaSource(SionnaParameters(**(small | parameters)), seed=1, device=CPU)


def cost2100() -> Cost2100Source:
    parameters = Cost2100Parameters(environment="indoor", speed_m_s=SPEED_M_S, n_subcarriers=32, n_columns=4)
    return Cost2100Source(parameters, seed=1, device=CPU)


def test_evenly_spaced_times_are_told_from_others() -> None:
    assert (Snapshots().times_s, Snapshots().n, Snapshots().interval_s) == ((0.0,), 1, 0.0)
    assert Snapshots((0.0, 0.004, 0.008)) == Snapshots.every(0.004, 3)
    assert Snapshots.every(0.25, 3).times_s == (0.0, 0.25, 0.5)
    assert (Snapshots.every(0.25, 3).n, Snapshots.every(0.25, 3).interval_s) == (3, 0.25)
    # The times are those that a loop makes, so that their spacing is found again to the digit.
    assert Snapshots.every(0.1, 8).interval_s == 0.1
    assert Snapshots((0.0, 0.001, -0.005)).interval_s is None
    # Before the first one, so not evenly spaced from it on.
    assert Snapshots((0.0, -0.004)).interval_s is None
    for times in ((), (0.001,), (0.0, 0.0), (0.0, 0.1, 0.1)):
        with pytest.raises(ValueError, match="expected different times of which the first is 0"):
            Snapshots(times)


@pytest.mark.parametrize("source", [sionna("UMa"), sionna("CDL-A"), sionna("TDL-A"), cost2100()])
def test_a_time_is_the_same_whatever_else_is_observed(source: Source) -> None:
    even = source.read("test", 0, 5, Snapshots.every(2e-3, 4)).response
    mixed = source.read("test", 0, 5, Snapshots((0.0, 6e-3, -2e-3, 2e-3))).response
    # Phases of a few turns in float32: 1e-6 of a turn.
    tolerance = {"rtol": 0.0, "atol": 1e-4}
    torch.testing.assert_close(mixed[:, 0], even[:, 0], **tolerance)
    torch.testing.assert_close(mixed[:, 1], even[:, 3], **tolerance)
    torch.testing.assert_close(mixed[:, 3], even[:, 1], **tolerance)
    assert (mixed[:, 2] - mixed[:, 0]).abs().mean() > 0.01


def test_the_past_continues_the_future_backwards() -> None:
    # Plane waves at constant speed: the step from -T to 0 turns each path as the one from 0 to T does.
    paths = sionna("CDL-A", normalise=False).read_paths("test", 0, 5, Snapshots((0.0, 1e-4, -1e-4))).coefficients
    middle = (paths[:, 1] + paths[:, 2]) / 2
    # The mean of both lies on the chord: off by at most (2 pi fd T)^2 / 2 of a ray = 2.4e-4.
    assert (middle - paths[:, 0]).abs().max() < 3e-4 * paths.abs().max() * 10


def test_recorded_times_before_the_first() -> None:
    path = Path("x.h5")
    assert recorded_times(Snapshots((0.0, 10e-3, -5e-3, -10e-3)), 5e-3, 5, path) == [2, 4, 1, 0]
    with pytest.raises(
        ChannelInputError, match=r"x\.h5: got snapshots 0\.007 s apart, expected a multiple of dt, 0\.005"
    ):
        recorded_times(Snapshots((0.0, 5e-3, -7e-3)), 5e-3, 9, path)
    with pytest.raises(ChannelInputError, match=r"got 3 snapshots over 0\.03 s, expected at most 0\.025 s in all"):
        recorded_times(Snapshots((0.0, 10e-3, -20e-3)), 5e-3, 6, path)


def test_tdl_fades_as_clarkes_model() -> None:
    # Waves from all directions: E[h(t) h*(t + tau)] = J0(2 pi fd tau).
    lags_s = torch.linspace(0, 2, 9) / DOPPLER_HZ
    source = sionna("TDL-A", normalise=False, n_columns=8)
    taps = torch.cat(
        [source.read_paths("test", first, first + 50, Snapshots(lags_s.tolist())).coefficients for first in (0, 50)]
    )
    power = taps[:, 0].abs().square().sum((1, 2))
    correlation = (taps * taps[:, :1].conj()).sum((2, 3)) / power[:, None]
    # A tap is 20 sinusoids of random phase; a drop has 8 ports and an effective number of 23 taps of about 6, so the
    # mean over 100 drops is off by 1 / sqrt(2 * 100 * 8 * 6) = 1 % in each part, of which 4.
    expected = torch.tensor([j0(2 * math.pi * DOPPLER_HZ * float(lag)) for lag in lags_s])
    torch.testing.assert_close(correlation.real.mean(0), expected, rtol=0, atol=0.04, check_dtype=False)
    torch.testing.assert_close(correlation.imag.mean(0), torch.zeros(9), rtol=0, atol=0.04)
