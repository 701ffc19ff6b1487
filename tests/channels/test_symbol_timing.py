"""Timing by pilots: closed-form channels, noise, and channels that say nothing."""

import math

import pytest
import torch

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.estimators.symbol_timing import advance, symbol_start, uniform_offset
from channels.transforms.angular_delay import AngularDelayTransform

GRID = OfdmGrid(256, 20e6, 28e9)
TAP_S = 1 / GRID.bandwidth_hz


def response(delays_taps: list[float], gains_db: list[float], n_ports: int = 4) -> torch.Tensor:
    """One link with paths whose gains have random phases at every port."""
    turns = torch.outer(GRID.frequencies_hz(), torch.tensor(delays_taps, dtype=torch.float64) * TAP_S)
    waves = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
    phases = torch.rand(len(gains_db), n_ports, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    amplitude = (10 ** (torch.tensor(gains_db, dtype=torch.float64) / 20))[:, None].expand_as(phases)
    return (waves @ torch.polar(amplitude, 2 * math.pi * phases)).to(torch.complex64)[None]


@pytest.mark.parametrize("delay", [0.0, 0.3, 7.45, -4.2, 100.5])
def test_one_path_begins_a_tap_after_the_timing(delay):
    found = symbol_start(response([delay], [0]), 1e-3, 1, GRID, 32) / TAP_S
    # The parabola through three points of a Hann main lobe, half a tap apart, errs by less than 0.02 taps.
    assert float(found) == pytest.approx(delay - 1, abs=0.02)


def test_the_first_of_several_paths_counts_if_it_is_within_10_db():
    weak_first = response([2.0, 9.0], [-8, 0])
    assert float(symbol_start(weak_first, 1e-3, 1, GRID, 32)) == pytest.approx(1 * TAP_S, abs=0.05 * TAP_S)
    too_weak = response([2.0, 9.0], [-13, 0])
    assert float(symbol_start(too_weak, 1e-3, 1, GRID, 32)) == pytest.approx(8 * TAP_S, abs=0.05 * TAP_S)


def test_a_first_path_in_the_noise_is_passed_over():
    """-8 dB in a tap, with a window of noise bandwidth 1.5: 14 dB above noise of variance 1, 6 dB below that of 100."""
    channel = response([2.0, 9.0], [-8, 0], n_ports=16)
    noise = torch.randn(channel.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(2))
    heard = symbol_start(channel + noise, 1.0, 1, GRID, 32)
    assert float(heard) == pytest.approx(1 * TAP_S, abs=0.3 * TAP_S)
    lost = symbol_start(channel + 10 * noise, 100.0, 1, GRID, 32)
    assert float(lost) == pytest.approx(8 * TAP_S, abs=1.5 * TAP_S)


def test_a_later_clock_is_a_later_timing():
    channel = response([0.0, 3.3], [0, -3])
    for shift in (-0.5, 0.21, 12.0):
        moved = advance(channel, torch.tensor([-shift * TAP_S]), GRID)
        difference = float(symbol_start(moved, 1e-3, 1, GRID, 32) - symbol_start(channel, 1e-3, 1, GRID, 32))
        assert difference == pytest.approx(shift * TAP_S, abs=0.05 * TAP_S)


def test_advance_moves_rows_and_changes_no_gain():
    channel = response([5.0], [0])
    moved = advance(channel, torch.tensor([3 * TAP_S]), GRID)
    transform = AngularDelayTransform(GRID, ArrayShape(1, 1, 4), 8)
    rows = transform.truncate(moved)[0].abs().sum(1)
    assert int(rows.argmax()) == 2
    torch.testing.assert_close(moved.abs(), channel.abs(), atol=1e-6, rtol=1e-6)
    with_snapshots = advance(channel[:, None].expand(1, 2, -1, -1), torch.tensor([3 * TAP_S]), GRID)
    assert torch.equal(with_snapshots[:, 1], moved)


def test_an_empty_channel_has_a_timing_too():
    found = symbol_start(torch.zeros(2, 256, 4, dtype=torch.complex64), 0.0, 1, GRID, 32)
    assert torch.isfinite(found).all()


def test_clocks_start_anywhere_in_a_sampling_interval():
    offsets = uniform_offset(torch.randn(4000, generator=torch.Generator().manual_seed(3)), GRID) / TAP_S
    assert float(offsets.abs().max()) <= 0.5
    # Mean and variance of a uniform variable, 4 standard deviations.
    assert abs(float(offsets.mean())) < 4 * math.sqrt(1 / 12 / 4000)
    assert float(offsets.square().mean()) == pytest.approx(1 / 12, rel=4 * math.sqrt(0.8 / 4000))


def test_a_path_far_before_the_others_does_not_push_them_out() -> None:
    """A path 6 dB below the strongest, 30 taps before it: 20 rows begin at the strong ones, 60 hold all of them."""
    channel = response([5, 35, 40], [-6, 0, -3])
    assert float(symbol_start(channel, 1e-3, 1, GRID, 20)) == pytest.approx(34 * TAP_S, abs=0.05 * TAP_S)
    assert float(symbol_start(channel, 1e-3, 1, GRID, 60)) == pytest.approx(4 * TAP_S, abs=0.05 * TAP_S)
