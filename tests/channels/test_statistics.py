"""Statistics of channels against closed forms, invariances, and the published numbers of reference sets."""

import math

import h5py
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.channel_batch import ArrayShape, OfdmGrid, Paths, Snapshots
from channels.sources.mat import MatSource
from channels.sources.parameters.mat import MatParameters
from channels.statistics import matrices as statistics
from channels.statistics.circular_spread import circular_spread
from channels.statistics.spreads import path_powers, rms_spread
from channels.statistics.temporal import hold_nmse, temporal_correlation
from channels.transforms.angular_delay import AngularDelayTransform

ULA = ArrayShape(1, 1, 16)
BANDWIDTH_HZ = 20e6


def random_csi(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def at(entries: dict[tuple[int, int], complex], n_delay: int = 8) -> torch.Tensor:
    csi = torch.zeros(1, n_delay, ULA.n_tx, dtype=torch.complex64)
    for (row, column), value in entries.items():
        csi[0, row, column] = value
    return csi


def test_single_path_has_no_spread():
    csi = at({(3, 5): 2j})
    assert statistics.rms_delay_spread(csi, BANDWIDTH_HZ).item() == 0
    # Rounding of the cosine moves |sum| from 1 by 1e-16, the spread by its square root.
    assert statistics.angular_spread(csi, ULA).item() < 1e-7
    assert statistics.delay_profile(csi)[0].argmax() == 3
    assert statistics.delay_profile(csi)[0, 3] == 1
    assert statistics.angle_profile(csi)[0, 5] == 1
    assert statistics.image_energy(csi).item() == 0.25
    assert (statistics.sparsity_curve(csi) == 1).all()


def test_two_equal_paths():
    csi = at({(2, 1): 1, (6, 4): -1j})
    # Two equal powers: half their distance in delay; |1 + e^{j d}| / 2 = cos(d / 2) in angle.
    assert statistics.rms_delay_spread(csi, BANDWIDTH_HZ).item() == pytest.approx(2 / BANDWIDTH_HZ)
    expected = math.sqrt(-2 * math.log(math.cos(math.pi * 3 / 16)))
    assert statistics.angular_spread(csi, ULA).item() == pytest.approx(expected)
    assert statistics.image_energy(csi).item() == pytest.approx(0.5)
    assert statistics.sparsity_curve(csi, (0.001, 0.02))[0].tolist() == pytest.approx([0.5, 1.0])


@settings(max_examples=20, deadline=None)
@given(turn=st.integers(0, 15), phase=st.floats(0, 6.3), scale=st.floats(0.1, 10))
def test_spreads_ignore_rotation_phase_and_scale(turn: int, phase: float, scale: float):
    csi = random_csi(4, 8, 16)
    turned = csi.roll(turn, dims=-1) * (scale * complex(math.cos(phase), math.sin(phase)))
    # Rounding of complex64 products, 1e-7 relative.
    for statistic in (
        lambda x: statistics.angular_spread(x, ULA),
        lambda x: statistics.rms_delay_spread(x, BANDWIDTH_HZ),
        statistics.sparsity_curve,
        statistics.image_energy,
        statistics.delay_profile,
    ):
        assert torch.allclose(statistic(turned), statistic(csi), rtol=1e-5)


def test_profiles_are_shares_and_energy_is_parsevals():
    grid = OfdmGrid(16, BANDWIDTH_HZ, 5e9)
    response = random_csi(5, 16, 16)
    csi = AngularDelayTransform(grid, ULA, 16).truncate(response)
    # 256 entries of complex64, unitary transforms: errors near 1e-7.
    total = response.abs().double().square().sum((1, 2))
    assert torch.allclose(statistics.energy(csi), total, rtol=1e-5)
    for profile in (statistics.delay_profile(csi), statistics.angle_profile(csi)):
        assert torch.allclose(profile.sum(-1), torch.ones(5, dtype=torch.float64))
    assert statistics.sparsity_curve(csi, (1.0,)).flatten().tolist() == pytest.approx([1] * 5)


def test_uniform_power_has_the_spread_of_its_definition():
    csi = torch.ones(1, 4, 16, dtype=torch.complex64)
    # n^2 averages to 3.5, n to 1.5: variance 5/4.
    assert statistics.rms_delay_spread(csi, 1.0).item() == pytest.approx(math.sqrt(1.25))
    assert math.isfinite(statistics.angular_spread(csi, ULA).item())
    assert statistics.sparsity_curve(csi, (0.25, 0.5))[0].tolist() == pytest.approx([0.25, 0.5])
    assert statistics.image_energy(csi).item() == pytest.approx(16)


def test_planar_array_uses_its_columns_only():
    array = ArrayShape(2, 4, 2)
    csi = torch.zeros(1, 3, array.n_tx, dtype=torch.complex64)
    # Same column, other rows and polarisations.
    csi[0, 0, [1, 3, 7, 9]] = 1
    assert statistics.angular_spread(csi, array).item() < 1e-7


def test_no_power_no_spread():
    csi = torch.zeros(2, 4, 16, dtype=torch.complex64)
    for values in (
        statistics.rms_delay_spread(csi, 1.0),
        statistics.angular_spread(csi, ULA),
        statistics.image_energy(csi),
        statistics.delay_profile(csi),
        statistics.sparsity_curve(csi),
    ):
        assert (values == 0).all()


def test_circular_spread_of_a_narrow_gaussian():
    angles = torch.linspace(-1, 1, 4001, dtype=torch.float64)
    # A wrapped Gaussian's characteristic function is exp(-sigma^2 / 2), so the spread is sigma itself.
    spread = circular_spread(torch.exp(-0.5 * (angles / 0.1).square()), angles + 3)
    assert spread.item() == pytest.approx(0.1, rel=1e-6)


def test_delay_spread_leaves_out_silent_paths():
    coefficients = torch.zeros(1, 1, 2, 3, dtype=torch.complex64)
    coefficients[0, 0, :, 0], coefficients[0, 0, :, 1] = 1, 1j
    paths = Paths(coefficients, torch.tensor([[0.0, 2e-6, torch.inf]]), torch.zeros(1))
    assert rms_spread(path_powers(paths), paths.delays_s).item() == pytest.approx(1e-6)
    assert rms_spread(torch.zeros(3), torch.arange(3)).item() == 0


def test_temporal_statistics_of_two_rotating_paths():
    # Two equal entries turning apart by w per snapshot: |rho|(l) = |cos(w l / 2)|, and holding gives 2 - 2 cos(w l / 2)
    # when they turn in opposite directions.
    w, n = 0.3, 12
    phase = torch.arange(n, dtype=torch.float64) * w / 2
    track = torch.zeros(1, n, 1, 2, dtype=torch.complex128)
    track[0, :, 0, 0], track[0, :, 0, 1] = (
        torch.polar(torch.ones(n).double(), phase),
        torch.polar(torch.ones(n).double(), -phase),
    )
    assert torch.allclose(temporal_correlation(track)[0], phase.cos().abs())
    assert torch.allclose(hold_nmse(track)[0], 2 - 2 * phase.cos())


def test_temporal_statistics_of_a_standing_channel():
    track = random_csi(3, 1, 4, 4).expand(3, 5, 4, 4)
    assert torch.allclose(temporal_correlation(track), torch.ones(3, 5).double())
    # Rounding of a difference of equal energies in float64.
    assert hold_nmse(track).max() < 1e-12


def test_published_numbers_of_the_quadriga_files(reference_data):
    with h5py.File(reference_data / "quad_nlos28_20.h5") as file:
        csi, kept = torch.from_numpy(file["X"][:]), torch.from_numpy(file["E32"][:])
    # The file's scale to mean power 1 and its E32 agree to 1e-4.
    assert torch.allclose(statistics.energy(csi) / (1024 * 32), kept.double(), rtol=2e-4)
    five, ten = statistics.sparsity_curve(csi, (0.05, 0.1)).mean(0).tolist()
    assert (round(five, 3), round(ten, 3)) == (0.908, 0.959)
    rows = (csi.abs().double().square().sum(2) / (1024 * 32)).mean(0)
    assert rows[[0, 4, 31]].log10().mul(10).tolist() == pytest.approx([-7.0, -12.4, -25.6], abs=0.05)
    with h5py.File(reference_data / "quad_t53_v0.9.h5") as file:
        track = torch.from_numpy(file["X"][:])
    # The published averages weight the pairs of a track in another way, which moves them by up to this.
    assert temporal_correlation(track).mean(0)[[1, 2, 4]].tolist() == pytest.approx([0.957, 0.838, 0.479], abs=0.02)
    assert hold_nmse(track).mean(0)[[1, 2, 4, 8]].log10().mul(10).tolist() == pytest.approx(
        [-9.8, -3.9, 1.4, 4.4], abs=0.1
    )


def test_published_numbers_of_the_cost2100_files(reference_data):
    parameters = MatParameters(test_file=reference_data / "DATA_Htest_indoor_cost2100_N2000.mat")
    source = MatSource(parameters, seed=1, device=torch.device("cpu"))
    csi = source.read_truncated("test", 0, 2000, 32)
    # Printed with four digits.
    assert statistics.sparsity_curve(csi).mean(0).tolist() == pytest.approx(
        [0.8446, 0.9165, 0.9704, 0.9890, 0.9971], abs=1e-4
    )
    assert statistics.image_energy(csi).mean().item() == pytest.approx(0.8774, abs=1e-4)
    assert source.read("test", 0, 1, Snapshots()).response.shape == (1, 1, 1024, 32)
