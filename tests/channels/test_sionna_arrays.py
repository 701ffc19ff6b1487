"""Arrays of 3GPP TR 38.901 channels: order and spacing of ports, sub-arrays, panels, crossed antennas of a UE."""

import math

import pytest
import torch

from channels.channel_batch import ArrayShape, Snapshots
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.models import SionnaModel
from channels.transforms.angular_delay import AngularDelayTransform
from tests.channels.small_sionna import CPU, source


def test_ports_are_ordered_polarisation_row_column():
    channels = source(n_rows=3, n_columns=5, polarization="dual", antenna_pattern="38.901")
    assert channels.array == ArrayShape(2, 3, 5)
    position = channels.model.bs_array.ant_pos[channels.model.port_order].reshape(2, 3, 5, 3)
    assert torch.equal(position[0], position[1])
    columns, heights = position[0, :, :, 1], position[0, :, :, 2]
    half_wavelength = 299792458 / 3.5e9 / 2
    torch.testing.assert_close(columns.diff(dim=1), torch.full((3, 4), half_wavelength))
    torch.testing.assert_close(heights.diff(dim=0), torch.full((2, 5), -half_wavelength))
    first_polarisation = set(channels.model.bs_array.ant_ind_pol1.tolist())
    assert set(channels.model.port_order[:15].tolist()) == first_polarisation


def test_element_spacing_in_a_row_and_in_a_column():
    parameters = SionnaParameters(n_rows=3, n_columns=2, element_spacing=(0.5, 0.8), carrier_hz=2e9)
    positions = SionnaModel(parameters, CPU).bs_array.ant_pos
    wavelength_m = 299792458 / 2e9
    # Counted column by column, downwards, in the plane of y and z.
    assert float(positions[0, 2] - positions[1, 2]) == pytest.approx(0.8 * wavelength_m, rel=1e-5)
    assert abs(float(positions[3, 1] - positions[0, 1])) == pytest.approx(0.5 * wavelength_m, rel=1e-5)
    assert parameters.aperture == pytest.approx(1.6)


def test_a_panel_of_64_columns():
    panel = {"n_rows": 2, "n_columns": 64, "polarization": "dual", "n_subcarriers": 32}
    channels = source(model="UMi", **panel)
    csi = channels.read_truncated("test", 0, 3, 16)
    assert csi.shape == (3, 16, 256)
    transform = AngularDelayTransform(channels.grid, channels.array, 16)
    response = channels.read("test", 0, 3, Snapshots()).response[:, 0]
    # float32 by two ways, entries of mean power 32 / 16.
    assert torch.allclose(csi, transform.truncate(response), atol=2e-4)
    # A UE straight ahead at the BS's height is at broadside in rows and columns of either polarisation.
    ahead = source(
        model="RMa", los="los", azimuth_deg=(0, 0), bs_height_m=1.5, ue_height_m=1.5, distance_m=(500, 500), **panel
    )
    power = ahead.read_truncated("test", 0, 4, 1).abs().square()[:, 0].unflatten(-1, (2, 2, 64)).sum((0, 1))
    assert power.argmax() == 0


def test_a_sub_array_is_its_elements_steered_to_one_zenith_angle():
    panel = {"polarization": "dual", "n_columns": 2, "element_spacing": (0.5, 0.8), "normalise": False}
    elements = source(n_rows=6, **panel).read_paths("test", 0, 5, Snapshots()).coefficients
    ports = source(n_rows=2, sub_array_rows=3, sub_array_zenith_deg=102, **panel)
    found = ports.read_paths("test", 0, 5, Snapshots()).coefficients
    assert ports.array.n_tx == 8
    # A wave to zenith angle 102 degrees is ahead by 0.8 cos(102 degrees) wavelengths less on each element below.
    weights = torch.exp(2j * math.pi * 0.8 * math.cos(math.radians(102)) * torch.arange(3)) / math.sqrt(3)
    by_element = elements.reshape(5, 1, 2, 2, 3, 2, -1)
    expected = (by_element * weights[:, None, None]).sum(4).reshape(found.shape)
    # Sums of three float32 numbers whose phases Sionna takes of arguments up to 1e4.
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_sub_array_has_its_gain_where_it_is_steered_to():
    def power(zenith_deg: float) -> float:
        keys = {"model": "UMa", "los": "los", "normalise": False, "bs_height_m": 25, "distance_m": (100, 100)}
        drops = source(n_columns=1, sub_array_rows=8, sub_array_zenith_deg=zenith_deg, **keys)
        return float(drops.read_paths("test", 0, 50, Snapshots()).coefficients.abs().square().sum())

    # The UE is 23.5 m below at 100 m: zenith angle 103 degrees.
    assert power(103) > 2 * power(90)
    assert power(103) > 2 * power(77)


def test_a_ue_with_pairs_of_crossed_antennas():
    paths = source(n_rx=4, rx_polarization="dual", n_columns=2).read_paths("test", 0, 50, Snapshots())
    gains = paths.coefficients.reshape(50, 4, 2, -1)
    vertical, horizontal = gains[:, :2], gains[:, 2:]
    # Cross-polarised power is below that of the same polarisation (TR 38.901, Table 7.5-6: 7 dB on average).
    assert 0 < float(horizontal.abs().square().sum()) < 0.5 * float(vertical.abs().square().sum())
