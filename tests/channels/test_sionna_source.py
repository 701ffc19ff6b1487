"""What the source of 3GPP TR 38.901 channels draws: reproducibility, power, delays, motion; what it refuses."""

import math
import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.sources.parameters.sionna import SionnaParameters
from channels.transforms.frequency_response import frequency_response
from tests.channels.small_sionna import MODELS, source


def test_registering_the_sources_does_not_import_sionna():
    code = "import sys, channels.sources; sys.exit('sionna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("model", MODELS)
def test_samples_do_not_depend_on_the_range(model):
    whole = source(model=model).read("test", 0, 103, Snapshots()).response
    assert whole.shape == (103, 1, 64, 4)
    assert whole.dtype == torch.complex64
    for start, stop in ((0, 1), (47, 53), (100, 103)):
        assert torch.equal(source(model=model).read("test", start, stop, Snapshots()).response, whole[start:stop])


def test_a_source_read_twice_gives_the_same():
    channels = source()
    first = channels.read("test", 0, 60, Snapshots()).response
    channels.read("train", 0, 10, Snapshots.every(1e-3, 3))
    assert torch.equal(channels.read("test", 0, 60, Snapshots()).response, first)


def test_read_is_the_response_of_read_paths():
    channels = source()
    paths = channels.read_paths("test", 3, 9, Snapshots.every(1e-3, 2))
    assert torch.equal(
        frequency_response(paths, channels.grid), channels.read("test", 3, 9, Snapshots.every(1e-3, 2)).response
    )


@pytest.mark.parametrize("model", ["UMa", "CDL-A"])
def test_seeds_splits_and_blocks_are_unrelated(model):
    def coefficients(seed: int, split: str, start: int) -> torch.Tensor:
        return source(seed, model=model).read_paths(split, start, start + 1, Snapshots()).coefficients

    draws = [coefficients(1, "test", 0), coefficients(2, "test", 0), coefficients(1, "train", 0)]
    draws += [coefficients(1, "test", 50), coefficients(1, "test", 1)]
    for i, one in enumerate(draws):
        for other in draws[:i]:
            assert not torch.allclose(one, other)


def test_random_generators_of_the_caller_are_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    source().read("test", 0, 1, Snapshots())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", MODELS)
def test_the_first_snapshot_is_the_drop_whatever_the_motion(model):
    still = source(model=model).read_paths("test", 0, 5, Snapshots())
    for speed, snapshots in ((3.0, Snapshots()), (3.0, Snapshots.every(5e-3, 4)), (30.0, Snapshots.every(1e-2, 2))):
        moving = source(model=model, speed_m_s=speed).read_paths("test", 0, 5, snapshots)
        assert moving.coefficients.shape[1] == snapshots.n
        # Same draws; sums over rays may round differently with another number of snapshots.
        torch.testing.assert_close(moving.coefficients[:, :1], still.coefficients, rtol=1e-4, atol=1e-5)
        assert torch.equal(moving.delays_s, still.delays_s)


def test_a_ue_that_stands_still_has_a_constant_channel():
    paths = source().read_paths("test", 0, 5, Snapshots.every(5e-3, 3))
    torch.testing.assert_close(paths.coefficients[:, 2], paths.coefficients[:, 0])


def test_los_doppler_is_speed_over_wavelength_at_most():
    # CDL-D at 1.5 m/s: the specular path (K = 13.3 dB) turns by 2 pi v cos(angle) t / lambda with horizontal velocity.
    channels = source(model="CDL-D", speed_m_s=1.5, n_columns=1, delay_spread_s=1e-9, delay_alignment="none")
    strongest = channels.read_paths("test", 0, 50, Snapshots.every(1e-3, 2)).coefficients[:, :, 0, 0]
    turn = torch.angle(strongest[:, 1] * strongest[:, 0].conj()).abs()
    greatest = 2 * math.pi * 1.5 * 1e-3 / (299792458 / 3.5e9)
    # Diffuse power of the first cluster lies 13.3 dB or more below and turns the sum by at most
    # greatest * 10^(-13.3/20) more, twice over.
    assert turn.max() < greatest * 1.45
    assert turn.max() > greatest * 0.8


@pytest.mark.parametrize("model", MODELS)
def test_normalised_to_mean_power_1(model):
    power = source(model=model).read("test", 0, 50, Snapshots()).response.abs().square().mean(dim=(1, 2, 3))
    # float32 response: 64 x 4 entries, each within 1e-6 of its own.
    torch.testing.assert_close(power, torch.ones(50), rtol=1e-5, atol=0)


def test_without_normalisation_the_gain_is_what_normalisation_removes():
    raw = source(normalise=False).read("test", 0, 20, Snapshots()).response.abs().square().mean(dim=(1, 2, 3))
    gain_db = source().read_paths("test", 0, 20, Snapshots()).gain_db
    torch.testing.assert_close(10 * raw.log10(), gain_db, rtol=0, atol=1e-3)


def test_delays_begin_at_the_first_significant_path():
    paths = source().read_paths("test", 0, 100, Snapshots())
    power = paths.coefficients[:, 0].abs().square().sum(1)
    significant = power >= power.amax(1, keepdim=True) * 10**-2.5
    first = torch.where(significant, paths.delays_s, torch.inf).amin(1)
    assert (first == 0).all()
    # Silent paths, which Sionna puts at up to 1 s, have no delay left to spoil a statistic.
    assert paths.delays_s.max() < 1e-4


@pytest.mark.parametrize("edition", ["16.1", "19.2"])
def test_both_editions_run(edition):
    assert torch.isfinite(source(spec_version=edition).read("test", 0, 2, Snapshots()).response.abs()).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"carrier_hz": 1e8}, "carrier_hz"),
        ({"model": "CDL-F"}, "model"),
        ({"model": "CDL-A", "distance_m": (1, 2)}, "distance_m: model CDL-A has no geometry"),
        ({"delay_spread_s": 1e-6}, "delay_spread_s: model UMa draws its own"),
        ({"model": "TDL-A", "azimuth_deg": (1, 2)}, "azimuth_deg: model TDL-A has no geometry"),
        ({"model": "TDL-D", "port_correlation": 0.5}, "port_correlation: got model TDL-D"),
        ({"model": "TDL-A", "port_correlation": 1.0}, "port_correlation"),
        ({"distance_m": (200, 100)}, "distance_m: got"),
        ({"azimuth_deg": (60, -60)}, "azimuth_deg: got"),
        ({"indoor_share": 1.5}, "indoor_share"),
        ({"indoor_floors": (8, 4)}, "indoor_floors: got"),
        ({"model": "CDL-A", "indoor_floors": (4, 8)}, "indoor_floors: model CDL-A has no geometry"),
        ({"sub_array_zenith_deg": 102}, "sub_array_zenith_deg: got ports of one element"),
        ({"n_rows": 32, "sub_array_rows": 4}, "sub_array_rows: got 4 with 32"),
        ({"n_rx": 3, "rx_polarization": "dual"}, "rx_polarization: got 'dual' with n_rx 3"),
        ({"element_spacing": (0.5, 0)}, "element_spacing"),
        ({"speed": 3}, "speed"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        SionnaParameters(**parameters)
