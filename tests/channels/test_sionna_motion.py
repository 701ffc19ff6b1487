"""Delays of a moving UE's paths, beside the Doppler shifts of their gains."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from channels.channel_batch import Snapshots
from channels.transforms.frequency_response import frequency_response
from tests.channels.small_sionna import MODELS, source

LIGHT_M_S = 299792458.0
TIMES = Snapshots((0.0, 0.1, -0.05))


@pytest.mark.parametrize("model", MODELS)
def test_no_path_gets_longer_or_shorter_than_the_ue_moves(model: str) -> None:
    channels = source(model=model, speed_m_s=30)
    paths = channels.read_paths("test", 0, 20, TIMES)
    if model.startswith("TDL"):
        assert paths.delay_changes_s is None
        return
    changes = paths.delay_changes_s
    assert changes is not None
    assert changes.shape == (20, 3, paths.delays_s.shape[1])
    assert not changes[:, 0].any()
    assert (changes[:, 1].abs() <= 30 * 0.1 / LIGHT_M_S * (1 + 1e-5)).all()
    torch.testing.assert_close(changes[:, 2], -0.5 * changes[:, 1])
    assert channels.read_paths("test", 0, 20, Snapshots()).delay_changes_s is None


def test_a_path_of_sight_has_the_delay_of_its_length() -> None:
    """Distance between UE and BS from their places alone; over 3 m of 35 to 250 m the direction turns."""
    channels = source(model="UMa", los="los", speed_m_s=30, bs_height_m=25)
    drops, paths = channels.drops("test", 0), channels.read_paths("test", 0, 50, Snapshots((0.0, 1e-3)))
    assert paths.delay_changes_s is not None
    ue = torch.stack(
        [
            drops.distance_m * torch.cos(drops.azimuth_rad),
            drops.distance_m * torch.sin(drops.azimuth_rad),
            drops.height_m - 25,
        ],
        dim=1,
    ).double()
    later = ue + drops.velocity_m_s.double() * 1e-3
    expected = (later.norm(dim=1) - ue.norm(dim=1)) / LIGHT_M_S
    # Angles in float32, and a curvature of (v t)^2 / 2 d.
    tolerance = (1e-5 * 0.03 + 0.03**2 / 70) / LIGHT_M_S
    torch.testing.assert_close(paths.delay_changes_s[:, 1, 0], expected, rtol=0, atol=tolerance)
    # The carrier turns by as much: the strongest path of a port turns by -2 pi f_c times the change.
    strong = paths.coefficients[:, :, 0, 0]
    turned = torch.angle(strong[:, 1] * strong[:, 0].conj()).double()
    wanted = -2 * math.pi * 3.5e9 * paths.delay_changes_s[:, 1, 0]
    off = torch.angle(torch.polar(torch.ones_like(wanted), turned - wanted))
    # K factors of 9 +- 3.5 dB: the cluster that shares the path moves the phase of a few links only.
    assert off.abs().median() < 0.2


def test_responses_are_the_sums_of_paths_at_their_delays() -> None:
    channels = source(model="UMi", speed_m_s=30, los="mixed")
    paths, grid = channels.read_paths("test", 0, 4, TIMES), channels.grid
    assert paths.delay_changes_s is not None
    f = np.asarray(grid.frequencies_hz())
    found = frequency_response(paths, grid).numpy()
    for snapshot in range(3):
        delays = (paths.delays_s.double() + paths.delay_changes_s[:, snapshot]).numpy()
        waves = np.exp(-2j * np.pi * f[:, None] * delays[:, None])
        expected = np.einsum("bkp,bnp->bkn", waves, paths.coefficients[:, snapshot].numpy())
        assert found[:, snapshot] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("speed_m_s", [0.0, 1.0, 30.0])
def test_what_delays_that_stand_still_would_cost_is_bounded(speed_m_s: float) -> None:
    r"""A path's phase at the edge of the band is off by :math:`\pi B v t / c` at most, and its gain by as much."""
    channels = source(model="UMa", speed_m_s=speed_m_s)
    paths, grid = channels.read_paths("test", 0, 10, TIMES), channels.grid
    frozen = frequency_response(replace(paths, delay_changes_s=None), grid)
    moved = frequency_response(paths, grid)
    assert torch.equal(moved[:, 0], frozen[:, 0])
    bound = math.pi * grid.bandwidth_hz * speed_m_s * 0.1 / LIGHT_M_S
    largest = bound * paths.coefficients[:, 1].abs().sum(-1)[:, None]
    assert ((moved - frozen)[:, 1].abs() <= largest + 1e-5).all()
    # Of paths from all directions and over the whole band, as many dB below the channel: a sixth of its square.
    error = (moved - frozen)[:, 1].abs().square().mean() / moved[:, 1].abs().square().mean()
    assert float(error) <= bound**2 / 3 + 1e-10
    assert speed_m_s == 0 or float(error) > bound**2 / 60
