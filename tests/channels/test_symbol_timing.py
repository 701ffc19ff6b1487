"""Timing by pilots: closed-form channels, noise, and channels that say nothing."""

import math

import pytest
import torch

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.estimators.symbol_timing import advance, symbol_start, tracked_start, uniform_offset
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


def test_symbols_may_begin_long_after_the_first_path() -> None:
    """Pilots on one in 4 of 512 subcarriers tell 128 taps apart, nearly all of them after the first path."""
    grid = OfdmGrid(512, 20e6, 28e9)
    turns = torch.outer(grid.frequencies_hz(), torch.tensor([0.0, 70.0, 74.0], dtype=torch.float64) / grid.bandwidth_hz)
    waves = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
    amplitudes = torch.tensor([0.4, 1.0, 0.8], dtype=torch.float64)[:, None].to(torch.complex128)
    late = (waves @ amplitudes).to(torch.complex64)[None]
    begins = symbol_start(late[:, ::4], 1e-3, 4, grid, 32)
    assert float(begins) * grid.bandwidth_hz == pytest.approx(69, abs=0.1)


# Delays in taps and powers in dB of a link of 38.901 UMa at 28 GHz whose paths cover five times a cyclic prefix.
LONG_LINK = [
    (0.0, -9.2), (52.14, -1.1), (52.18, -1.4), (52.22, -3.2), (72.4, -5.7), (81.94, 0.0), (82.58, -5.7), (92.45, -6.8),
    (97.5, -4.8), (102.77, -9.1), (102.81, -3.4), (102.86, -10.8), (131.16, -8.0), (144.42, -5.7), (178.73, -9.9),
    (179.3, -3.6), (198.41, -5.3), (215.9, -5.0), (261.47, -4.6), (262.46, -13.7), (349.31, -9.6),
]  # fmt: skip


@pytest.mark.parametrize("snr_db", [0, 5, 10, 20, 30, math.inf])
@pytest.mark.parametrize("seed", range(4))
def test_a_link_of_many_late_paths_keeps_the_rows_of_most_energy(snr_db, seed):
    """From taps 51 to 83 come 3.5 of 6.9, after the first path 0.1: a comb of 12 folds tap 82 to tap -3."""
    grid = OfdmGrid(1024, 20e6, 28e9)
    delays, gains_db = (torch.tensor(column, dtype=torch.float64) for column in zip(*LONG_LINK, strict=True))
    generator = torch.Generator().manual_seed(seed)
    turns = torch.outer(grid.frequencies_hz(), delays / grid.bandwidth_hz)
    waves = torch.polar(10 ** (gains_db / 20).expand_as(turns), -2 * math.pi * turns)
    fading = torch.randn(len(delays), 32, dtype=torch.complex128, generator=generator)
    channel = (waves @ fading).to(torch.complex64)[None] / (10 ** (gains_db / 10)).sum().sqrt()

    def draw(shape):
        return torch.randn(1, *shape, generator=generator)

    found = float(tracked_start(channel, 10 ** (snr_db / 10), draw, grid, 32)) * grid.bandwidth_hz
    # The peak of three paths near tap 52.2, a tap less; half a tap for fading and noise.
    assert found == pytest.approx(51.2, abs=0.5)


@pytest.mark.parametrize("delay", [-15.0, -3.5, 0.25, 84.0, 120.0, 200.0])
@pytest.mark.parametrize("n_subcarriers", [1024, 624])
def test_tracking_tells_delays_apart_that_a_comb_of_12_folds(delay, n_subcarriers):
    """Unambiguous over a quarter of a symbol: 256 or 156 taps, an eighth of them early."""
    grid = OfdmGrid(n_subcarriers, 20e6, 28e9)
    turns = grid.frequencies_hz() * delay / grid.bandwidth_hz
    channel = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)[None, :, None].to(torch.complex64)
    found = float(tracked_start(channel, math.inf, lambda shape: torch.zeros(1, *shape), grid, 32)) * grid.bandwidth_hz
    period = n_subcarriers / 4
    expected = (delay + period / 8) % period - period / 8 - 1
    # As for one path above.
    assert found == pytest.approx(expected, abs=0.02)
