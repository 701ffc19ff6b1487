"""Array phases over a wide band: closed forms for one path, and Sionna's own model with its array scaled."""

import math

import pytest
import torch
from pydantic import ValidationError

from channels.channel_batch import ArrayShape, OfdmGrid, Snapshots
from channels.errors import ChannelInputError
from channels.source import SOURCES, Source
from channels.sources.cost2100.rays import Rays
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.beam_squint import aperture_turns, interpolation_weights, node_frequencies
from linksim.storage.channel_cache import ChannelCache
from tests.channels.test_deepmimo_source import made_up_rays, parameters_json, write

CARRIER_HZ, BANDWIDTH_HZ, N_PORTS, N_SUBCARRIERS = 28e9, 2e9, 64, 64
ANGLE_RAD = math.radians(60)
WIDE = {"carrier_hz": CARRIER_HZ, "bandwidth_hz": BANDWIDTH_HZ, "n_subcarriers": 32, "n_columns": 4}
# From the lowest to the highest subcarrier the sine of the angle, in bins of the array, grows by B / fc.
EXPECTED_BINS = N_PORTS / 2 * math.sin(ANGLE_RAD) * BANDWIDTH_HZ / CARRIER_HZ * (1 - 1 / N_SUBCARRIERS)


def opened(source: str, **parameters: object) -> Source:
    plugin = SOURCES.get_class(source)
    return plugin(plugin.Parameters(**parameters), seed=5, device=torch.device("cpu"))


def beam_bins(response: torch.Tensor) -> torch.Tensor:
    """Direction on every subcarrier in bins of the DFT over the ports, from the phase from port to port, unwrapped."""
    step = torch.angle((response[:, 1:] * response[:, :-1].conj()).sum(1))
    return N_PORTS / (2 * math.pi) * step


@pytest.fixture
def one_path(tmp_path):
    """A DeepMIMO scenario in which every user has one path, 60 degrees off broadside."""
    rays = made_up_rays()
    for key, values in rays.items():
        values[:, 1:] = math.nan
        values[:, 0] = {"aod_az": math.degrees(ANGLE_RAD), "aod_el": 90.0, "power": -100.0}.get(key, 0.0)
        if key == "delay":
            values[:, 0] = 3e-9
    document = parameters_json()
    document["rt_params"] = {"frequency": CARRIER_HZ}
    return write(tmp_path / "one_path", rays, parameters=document)


@pytest.mark.parametrize("beam_squint", [False, True])
def test_a_beam_of_deepmimo_moves_by_the_predicted_bins(one_path, beam_squint):
    parameters = {"n_subcarriers": N_SUBCARRIERS, "n_columns": N_PORTS, "bandwidth_hz": BANDWIDTH_HZ}
    channels = opened("deepmimo", folder=one_path, beam_squint=beam_squint, **parameters)
    bins = beam_bins(channels.read("test", 0, 1, Snapshots()).response[0, 0])
    # Phases in float32: 64 bins x 1e-7 x some roundings.
    assert float(bins[-1] - bins[0]) == pytest.approx(EXPECTED_BINS if beam_squint else 0, abs=1e-4)
    assert round(EXPECTED_BINS, 2) == 1.95


def test_a_beam_of_cost2100_moves_by_the_predicted_bins():
    parameters = {"carrier_hz": CARRIER_HZ, "bandwidth_hz": BANDWIDTH_HZ, "n_subcarriers": N_SUBCARRIERS}
    channels = opened("cost2100", n_columns=N_PORTS, beam_squint=True, **parameters)
    one, zero = torch.ones(1, 1, 1), torch.zeros(1)
    # Angles there are from the array axis, and the phase falls along it.
    ray = Rays(one.to(torch.complex64), 3e-9 * one.double(), one * (math.pi / 2 - ANGLE_RAD), zero, zero, 0, 0)
    response = torch.empty(1, 1, N_SUBCARRIERS, N_PORTS, dtype=torch.complex64)
    channels._respond_wideband(ray, slice(0, 1), response)
    bins = beam_bins(response[0, 0])
    assert float(bins[-1] - bins[0]) == pytest.approx(-EXPECTED_BINS, abs=1e-4)


@pytest.mark.parametrize(
    "parameters",
    [{"model": "CDL-A", "n_columns": 16}, {"model": "UMi", "n_rows": 2, "n_rx": 2, "polarization": "dual"}],
    ids=["CDL-A", "UMi planar, two UE antennas"],
)
def test_sionnas_model_with_its_array_scaled_agrees_at_every_subcarrier(parameters):
    """At 28 GHz + f, elements half a wavelength of the carrier apart are (1 + f / fc) / 2 wavelengths apart."""
    from channels.sources.sionna.models import SionnaModel

    options = WIDE | parameters | {"delay_alignment": "none", "normalise": False}
    wide, narrow = (opened("sionna", beam_squint=squint, **options) for squint in (True, False))
    response = wide.read("test", 0, 3, Snapshots()).response
    for subcarrier in (0, 20):
        scale = 1 + float(wide.grid.frequencies_hz()[subcarrier]) / CARRIER_HZ
        narrow._loaded_model = SionnaModel(narrow.parameters, torch.device("cpu"), scale)
        expected = narrow.read("test", 0, 3, Snapshots()).response[:, 0, subcarrier]
        # Interpolation to 1e-7, and sums of paths in float32.
        assert (response[:, 0, subcarrier] - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize(
    "parameters",
    [{"source": "sionna", "model": "CDL-A", **WIDE}, {"source": "cost2100", **WIDE}, {"source": "deepmimo"}],
    ids=lambda parameters: parameters["source"],
)
def test_truncated_cache_and_normalisation_see_the_same_channel(parameters, one_path, tmp_path):
    if parameters["source"] == "deepmimo":
        parameters = {**parameters, "folder": one_path, "bandwidth_hz": BANDWIDTH_HZ, "n_subcarriers": 32}
    channels = opened(**parameters, beam_squint=True)
    response = channels.read("test", 0, 4, Snapshots()).response
    transform = AngularDelayTransform(channels.grid, channels.array, 8)
    direct = channels.read_truncated("test", 0, 4, 8)
    assert (direct - transform.truncate(response[:, 0])).norm() < 1e-5 * direct.norm()
    # Sums of squares in float32.
    assert response.abs().square().mean((1, 2, 3)) == pytest.approx(1, abs=1e-5)
    cache = ChannelCache(channels, tmp_path / "kept")
    for _ in range(2):
        assert torch.equal(cache.read("test", 0, 4, Snapshots()).response, response)
    with pytest.raises(ChannelInputError, match="HF_all: got channels with beam_squint"):
        channels.read_hf_all("test", 0, 4)


def test_interpolation_over_the_band_is_exact_to_single_precision():
    grid, array = OfdmGrid(64, 2e9, 28e9), ArrayShape(1, 8, 16, 2)
    turns = aperture_turns(array, (0.5, 0.5))
    nodes = node_frequencies(grid, turns)
    phase = 2 * math.pi * turns / grid.carrier_hz
    expected = torch.exp(1j * phase * grid.frequencies_hz())
    found = interpolation_weights(grid, len(nodes)).double().to(torch.complex128) @ torch.exp(1j * phase * nodes)
    # The polynomial to 1e-7; weights in float32 whose moduli sum to less than 4.
    assert (found - expected).abs().max() < 1e-6


def test_profiles_without_angles_refuse_the_key():
    with pytest.raises(ValidationError, match="beam_squint: model TDL-A"):
        opened("sionna", model="TDL-A", beam_squint=True)


BAND_CASES = [("sionna", {"bandwidth_hz": 1.9e9, "carrier_hz": 0.9e9}), ("cost2100", {"bandwidth_hz": 6e8})]
BAND_CASES += [("mat", {"test_file": "any.mat", "bandwidth_hz": 1.06e10})]


@pytest.mark.parametrize(("source", "parameters"), BAND_CASES)
def test_a_band_down_to_frequency_zero_is_refused(source, parameters):
    outdoor = {"environment": "outdoor"} if source == "cost2100" else {}
    with pytest.raises(ChannelInputError, match=r"bandwidth_hz: got .* expected less than twice the carrier"):
        opened(source, **parameters, **outdoor)
