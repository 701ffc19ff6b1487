"""Closed-form angular-delay matrices and powers of plane waves, against sums over every subcarrier and port."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Paths
from channels.errors import ChannelInputError
from channels.transforms import plane_wave_kernel
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.delay_cells import gauss_for_sums
from channels.transforms.direct_angular_delay import truncated_paths, truncated_plane_waves
from channels.transforms.dirichlet_kernel import DirichletKernel, cotangent, row_factor, unit_phasor
from channels.transforms.frequency_response import frequency_response
from channels.transforms.plane_wave_power import mean_power, truncated_and_mean_power

# Every factor of a kernel is good to a few float32 roundings, and so is the sum over waves relative to the norm of
# the full response; half a dozen factors of 2^-24 each.
RELATIVE = 1e-6

GRID = OfdmGrid(1024, 20e6, 5.3e9)


def response(amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int) -> Tensor:
    """Frequency response of plane waves in double precision, ``[n_subcarriers, n_columns]``."""
    over_band = torch.exp(-2j * math.pi * delay_s.double().unsqueeze(1) * grid.frequencies_hz())
    over_ports = torch.exp(-2j * math.pi * spatial_frequency.double().unsqueeze(1) * torch.arange(n_columns))
    return torch.einsum("p,pk,pn->kn", amplitude.to(torch.complex128), over_band, over_ports)


waves = st.lists(
    st.tuples(
        # Delays in taps: anywhere, on the grid, next to it, before 0 and beyond the period.
        st.one_of(st.floats(-70, 1300), st.integers(-3, 40).map(float), st.integers(0, 40).map(lambda n: n + 1e-9)),
        # Spatial frequencies: anywhere, and on the grids of 32 and 12 ports.
        st.one_of(st.floats(-0.5, 0.5), st.sampled_from([m / n for n in (12, 32) for m in range(-n // 2, n // 2)])),
        st.floats(0.1, 2),
        st.floats(-math.pi, math.pi),
    ),
    min_size=1,
    max_size=6,
)


def tensors(drawn: list[tuple[float, float, float, float]], grid: OfdmGrid) -> tuple[Tensor, Tensor, Tensor]:
    taps, spatial_frequency, modulus, phase = torch.tensor(drawn, dtype=torch.float64).T
    amplitude = torch.polar(modulus, phase).to(torch.complex64)
    return amplitude, taps / grid.bandwidth_hz, spatial_frequency.to(torch.float32)


@settings(deadline=None, max_examples=60)
@given(drawn=waves, size=st.sampled_from([(1024, 32, 32), (257, 12, 20), (64, 1, 64), (1024, 8, 1)]))
def test_plane_waves_match_the_long_way(
    drawn: list[tuple[float, float, float, float]], size: tuple[int, int, int]
) -> None:
    n_subcarriers, n_columns, n_delay = size
    grid = OfdmGrid(n_subcarriers, 20e6, 5.3e9)
    amplitude, delay_s, spatial_frequency = tensors(drawn, grid)
    full = response(amplitude, delay_s, spatial_frequency, grid, n_columns)
    expected = AngularDelayTransform(grid, ArrayShape(n_columns=n_columns), n_delay).truncate(full)
    with pytest.MonkeyPatch.context() as patched:
        # The kernel has its own test.
        patched.setattr(plane_wave_kernel, "compiled", lambda: None)
        found = truncated_plane_waves(amplitude, delay_s, spatial_frequency, grid, n_columns, n_delay)
    scale = amplitude.abs().double().sum() * math.sqrt(n_subcarriers * n_columns)
    assert torch.linalg.vector_norm(found - expected) < RELATIVE * scale


@settings(deadline=None, max_examples=30)
@given(drawn=waves, n_subcarriers=st.sampled_from([1024, 257, 64]))
def test_mean_power_matches_the_long_way(drawn: list[tuple[float, float, float, float]], n_subcarriers: int) -> None:
    grid = OfdmGrid(n_subcarriers, 20e6, 5.3e9)
    amplitude, delay_s, spatial_frequency = tensors(drawn, grid)
    expected = response(amplitude, delay_s, spatial_frequency, grid, 12).abs().square().mean()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plane_wave_kernel, "compiled", lambda: None)
        found = mean_power(amplitude, delay_s, spatial_frequency, grid, 12)
    # Waves may cancel; the error is relative to the power that they could have. Of one wave it is 2e-5 at most, midway
    # between two taps.
    assert abs(found - expected) < 3e-5 * amplitude.abs().double().sum().square()


@pytest.mark.parametrize("by_kernel", [True, False])
def test_many_waves_in_batches(by_kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not by_kernel:
        monkeypatch.setattr(plane_wave_kernel, "compiled", lambda: None)
    generator = torch.Generator().manual_seed(1)
    shape = (2, 3, 400)
    amplitude = torch.randn(shape, generator=generator, dtype=torch.complex64)
    delay_s = 4e-6 * torch.rand(shape, generator=generator, dtype=torch.float64)
    spatial_frequency = torch.rand(shape, generator=generator) - 0.5
    found = truncated_plane_waves(amplitude, delay_s, spatial_frequency, GRID, 32, 32)
    power = mean_power(amplitude, delay_s, spatial_frequency, GRID, 32)
    assert found.shape == (2, 3, 32, 32)
    full = response(amplitude[1, 2], delay_s[1, 2], spatial_frequency[1, 2], GRID, 32)
    expected = AngularDelayTransform(GRID, ArrayShape(n_columns=32), 32).truncate(full)
    assert torch.linalg.vector_norm(found[1, 2] - expected) < 1e-5 * torch.linalg.vector_norm(expected)
    assert power[1, 2].item() == pytest.approx(full.abs().square().mean().item(), rel=1e-5)
    # More rows kept than the delays span, fewer, and all: the power stays, and so do the matrices.
    for n_delay in (4, 200, 1024):
        matrices, again = truncated_and_mean_power(amplitude, delay_s, spatial_frequency, GRID, 32, n_delay)
        torch.testing.assert_close(again, power, rtol=1e-5, atol=0)
        kept = min(n_delay, 32)
        torch.testing.assert_close(matrices[..., :kept, :], found[..., :kept, :], rtol=1e-5, atol=1e-5)


def test_waves_without_gain_change_nothing() -> None:
    amplitude = torch.tensor([1 + 1j, 0], dtype=torch.complex64)
    delay_s, spatial_frequency = torch.tensor([1e-7, 1.0], dtype=torch.float64), torch.tensor([0.2, 0.3])
    alone = mean_power(amplitude[:1], delay_s[:1], spatial_frequency[:1], GRID, 32)
    assert mean_power(amplitude, delay_s, spatial_frequency, GRID, 32) == alone
    assert alone.item() == pytest.approx(2, rel=1e-5)
    assert mean_power(0 * amplitude, delay_s, spatial_frequency, GRID, 32) == 0


@pytest.mark.parametrize("array", [ArrayShape(2, 2, 4), ArrayShape(1, 1, 8), ArrayShape(1, 3, 1)])
def test_paths_match_the_long_way(array: ArrayShape) -> None:
    generator = torch.Generator().manual_seed(2)
    coefficients = torch.randn(3, 2, array.n_tx, 20, generator=generator, dtype=torch.complex64)
    delays_s = 5e-6 * torch.rand(3, 20, generator=generator) - 1e-7
    paths = Paths(coefficients, delays_s, torch.zeros(3))
    expected = AngularDelayTransform(GRID, array, 32).truncate(frequency_response(paths, GRID))
    found = truncated_paths(paths, GRID, array, 32)
    # The response, the longer sum of the two, carries the larger rounding error.
    assert torch.linalg.vector_norm(found - expected) < 3e-6 * torch.linalg.vector_norm(expected)


@pytest.mark.parametrize("n_points", [1, 2, 7, 32])
def test_kernel_is_the_dft_of_an_exponential(n_points: int) -> None:
    positions = torch.tensor([0.0, 0.25, -0.5, 0.5, 3.0, n_points - 0.5, 1e-12, -40.3, 5e6 + 0.1], dtype=torch.float64)
    points = torch.arange(n_points)
    k = torch.arange(n_points, dtype=torch.float64)
    expected = torch.exp(2j * math.pi / n_points * (points - positions.unsqueeze(1)).unsqueeze(-1) * k).sum(-1)
    kernel = DirichletKernel.at(positions.unsqueeze(0), n_points)
    position_factor = kernel.magnitude * unit_phasor(kernel.turns)
    cauchy = kernel.columns(cotangent(points, n_points))
    found = (position_factor.unsqueeze(-1) * cauchy)[0] * row_factor(points, n_points)
    # 1e-7 of a grid step is the distance to which positions on the grid are moved off it.
    torch.testing.assert_close(found.to(torch.complex128), expected, rtol=1e-6, atol=1e-6 * n_points)


@pytest.mark.parametrize(("length", "n_nodes"), [(100, 4), (9, 4), (3, 4), (1000, 6)])
def test_quadrature_sums_polynomials_exactly(length: int, n_nodes: int) -> None:
    nodes, weights = gauss_for_sums(length, n_nodes)
    integers = torch.arange(length, dtype=torch.float64)
    for degree in range(2 * n_nodes):
        exact = ((integers / length) ** degree).sum().item()
        assert (weights * (nodes / length) ** degree).sum().item() == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("n_delay", [0, 1025])
def test_rows_out_of_range(n_delay: int) -> None:
    one = torch.ones(1, 1)
    with pytest.raises(ChannelInputError, match=rf"^n_delay: got {n_delay}, expected 1 to 1024 \(n_subcarriers\)$"):
        truncated_plane_waves(one.to(torch.complex64), one, one, GRID, 4, n_delay)
    with pytest.raises(ChannelInputError, match=rf"^n_delay: got {n_delay}, "):
        truncated_and_mean_power(one.to(torch.complex64), one, one, GRID, 4, n_delay)
