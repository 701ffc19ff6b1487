"""Frequency response, power normalisation and symbol timing of propagation paths."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.channel_batch import OfdmGrid, Paths
from channels.transforms.frequency_response import delay_phases, frequency_response, normalise_power
from channels.transforms.path_alignment import align_to_first_path

GRID = OfdmGrid(n_subcarriers=1024, bandwidth_hz=20e6, carrier_hz=28e9)


def random_paths(
    batch: int = 3, n_snapshots: int = 2, n_tx: int = 4, n_paths: int = 6, longest_s: float = 5e-6
) -> Paths:
    generator = torch.Generator().manual_seed(1)
    return Paths(
        coefficients=torch.randn(batch, n_snapshots, n_tx, n_paths, dtype=torch.complex64, generator=generator),
        delays_s=longest_s * torch.rand(batch, n_paths, generator=generator),
        gain_db=torch.zeros(batch),
    )


def direct_sum(paths: Paths, grid: OfdmGrid) -> torch.Tensor:
    """The defining sum in double precision."""
    phase = -2 * math.pi * grid.frequencies_hz()[:, None, None] * paths.delays_s.double()
    factors = torch.polar(torch.ones_like(phase), phase)
    return torch.einsum("btnp,kbp->btkn", paths.coefficients.to(torch.complex128), factors)


@pytest.mark.parametrize("n_subcarriers", [2, 31, 32, 33, 1000, 1024])
def test_equals_the_defining_sum(n_subcarriers):
    grid = OfdmGrid(n_subcarriers, 20e6, 28e9)
    paths = random_paths()
    expected = direct_sum(paths, grid)
    response = frequency_response(paths, grid)
    assert response.dtype == torch.complex64
    assert response.shape == (3, 2, n_subcarriers, 4)
    # A handful of float32 roundings (2^-24 = 6e-8 each) in factors of modulus 1, and a sum of 6 terms.
    assert torch.linalg.vector_norm(response - expected) < 1e-6 * torch.linalg.vector_norm(expected)


def test_phases_stay_exact_at_long_delays():
    # A float32 phase would be wrong by 2 pi * 10 MHz * 1 ms * 2^-24 = 4e-3; reduced in float64 first, the outer
    # product of two rounded phasors leaves about 3 roundings of pi * 2^-24 = 2e-7.
    delays = torch.tensor([[1e-3]], dtype=torch.float64)
    phase = -2 * math.pi * GRID.frequencies_hz() * delays
    assert (delay_phases(delays, GRID) - torch.polar(torch.ones_like(phase), phase)).abs().max() < 1e-6


def test_equals_sionnas_ofdm_step():
    from sionna.phy.channel import cir_to_ofdm_channel

    paths = random_paths()
    coefficients = paths.coefficients.to(torch.complex128).permute(0, 2, 3, 1)[:, None, None, None]
    delays = paths.delays_s.double()[:, None, None]
    expected = cir_to_ofdm_channel(GRID.frequencies_hz(), coefficients, delays)[:, 0, 0, 0].permute(0, 2, 3, 1)
    difference = torch.linalg.vector_norm(frequency_response(paths, GRID) - expected)
    # The roundings of `test_equals_the_defining_sum`; Sionna runs in double precision here.
    assert difference < 1e-6 * torch.linalg.vector_norm(expected)


def test_a_sample_does_not_depend_on_its_batch():
    paths = random_paths()
    alone = Paths(paths.coefficients[1:2], paths.delays_s[1:2], paths.gain_db[1:2])
    assert torch.equal(frequency_response(alone, GRID)[0], frequency_response(paths, GRID)[1])


@settings(max_examples=30, deadline=None)
@given(n_subcarriers=st.integers(2, 200), longest_s=st.sampled_from([0.0, 1e-9, 1e-7, 5e-6, 1e-4]))
def test_normalised_links_have_mean_power_1(n_subcarriers, longest_s):
    grid = OfdmGrid(n_subcarriers, 20e6, 28e9)
    paths = random_paths(longest_s=longest_s)
    before = direct_sum(paths, grid)[:, 0].abs().square().mean(dim=(1, 2))
    scaled = normalise_power(paths, grid)
    power = direct_sum(scaled, grid)[:, 0].abs().square().mean(dim=(1, 2))
    # The factor is rounded to float32 once, and the Gram matrix summed in float32; where waves cancel, that counts
    # against the power of the sum of amplitudes, of which fewer than 24 + 4 random entries leave at least 1/1000.
    torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-4, atol=0)
    torch.testing.assert_close(scaled.gain_db.double(), 10 * before.log10(), rtol=0, atol=1e-3)


def test_normalisation_keeps_fading_over_time():
    paths = random_paths()
    scaled = normalise_power(paths, GRID)
    ratio = scaled.coefficients / paths.coefficients
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))


def test_a_silent_link_stays_silent():
    paths = random_paths()
    paths.coefficients[1] = 0
    scaled = normalise_power(align_to_first_path(paths), GRID)
    assert (scaled.coefficients[1] == 0).all()
    assert scaled.gain_db[1] == 0
    assert torch.isfinite(scaled.delays_s).all()


def aligned_delays(power_db: list[float], delays_s: list[float]) -> list[float]:
    gains = torch.tensor([10 ** (p / 20) for p in power_db], dtype=torch.complex64).reshape(1, 1, 1, -1)
    paths = Paths(gains, torch.tensor([delays_s], dtype=torch.float64), torch.zeros(1))
    return align_to_first_path(paths).delays_s[0].tolist()


def test_time_begins_at_the_first_path_within_25_db():
    delays = aligned_delays([-30, -24, 0, -5], [1e-7, 2e-7, 3e-7, 5e-7])
    assert delays == pytest.approx([-1e-7, 0, 1e-7, 3e-7], abs=1e-20)


def test_paths_without_gain_do_not_count():
    delays = aligned_delays([-math.inf, 0, -3, -math.inf], [-1.0, 2e-7, 3e-7, 1.0])
    assert delays == pytest.approx([0, 0, 1e-7, 0], abs=1e-20)


def test_timing_adds_powers_over_the_ports():
    # Path 0: -26 dB on each of two ports; path 1: 0 dB on one port. -23 dB in sum: significant.
    gains = torch.tensor([[10 ** (-26 / 20), 1], [10 ** (-26 / 20), 0]], dtype=torch.complex64).reshape(1, 1, 2, 2)
    paths = Paths(gains, torch.tensor([[1e-7, 2e-7]]), torch.zeros(1))
    assert align_to_first_path(paths).delays_s[0, 0] == 0


@pytest.mark.parametrize("n_subcarriers", [63, 64])
def test_power_of_paths_that_meet_and_of_delays_that_go_round_the_grid(n_subcarriers):
    grid = OfdmGrid(n_subcarriers, 20e6, 3.5e9)
    generator = torch.Generator().manual_seed(1)
    delays = torch.rand(5, 6, generator=generator, dtype=torch.float64) * 3e-6 - 1e-6
    delays[:, 1], delays[:, 2], delays[:, 3] = delays[:, 0], delays[:, 0] + n_subcarriers / 20e6, 1.0
    gains = torch.randn(5, 1, 4, 6, generator=generator, dtype=torch.complex64)
    response = frequency_response(normalise_power(Paths(gains, delays, torch.zeros(5)), grid), grid)
    # Sums of 252 squares in single precision.
    torch.testing.assert_close(response.abs().square().mean(dim=(1, 2, 3)), torch.ones(5), rtol=1e-6, atol=0)
