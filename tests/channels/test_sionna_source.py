"""3GPP TR 38.901 channels: reproducibility, geometry, order of ports, motion."""

import math
import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from channels.channel_batch import ArrayShape, Snapshots
from channels.source import BLOCK_SIZE
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.models import SionnaModel
from channels.sources.sionna.source import SionnaSource
from channels.statistics.spreads import rms_spread
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.frequency_response import frequency_response

CPU = torch.device("cpu")
MODELS = ["UMa", "UMi", "RMa", "InH", "InF-SL", "InF-DH", "CDL-A", "CDL-D", "TDL-A", "TDL-D"]

ARRAYS = [
    {"n_columns": 8},
    {"n_rows": 2, "n_columns": 3, "polarization": "dual", "element_spacing": [0.5, 0.8], "antenna_pattern": "38.901"},
    {
        "n_rows": 2,
        "polarization": "dual",
        "sub_array_rows": 3,
        "sub_array_zenith_deg": 100,
        "n_rx": 4,
        "rx_polarization": "dual",
    },
]


def source(seed: int = 1, **parameters: object) -> SionnaSource:
    small = {"n_subcarriers": 64, "n_columns": 4, "carrier_hz": 3.5e9}
    return SionnaSource(SionnaParameters(**(small | parameters)), seed=seed, device=CPU)


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


@pytest.mark.parametrize("model", [*MODELS, "InF-HH"])
@pytest.mark.parametrize(
    ("array", "snapshots"),
    list(zip(ARRAYS, [Snapshots(), Snapshots.every(1e-3, 2), Snapshots()], strict=True)),
    ids=["ula", "moving panel", "sub-arrays"],
)
def test_paths_are_those_of_the_sum_of_sionna(model, array, snapshots):
    keys = {"model": model, "speed_m_s": 8.0} | array
    if model.startswith("TDL"):
        keys = {key: value for key, value in keys.items() if not key.startswith(("antenna", "sub", "element", "rx_"))}
    elif not model.startswith("CDL"):
        keys |= {"los": "mixed"}
    channels = source(**keys)
    drops = channels.drops("test", 0)
    ours = channels.model.draw(drops, snapshots, 5)
    theirs = SionnaModel(channels.parameters, CPU, sum_of_sionna=True).draw(drops, snapshots, 5)
    assert torch.equal(ours.delays_s, theirs.delays_s)
    error = (ours.coefficients - theirs.coefficients).flatten(1).norm(dim=1)
    # Single precision: phases of up to 2 pi 4 radians at the edges of these panels, sums over 20 rays.
    assert (error <= 4e-6 * theirs.coefficients.flatten(1).norm(dim=1)).all()


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


def test_a_ue_straight_ahead_is_seen_at_dft_bin_0():
    channels = source(los="los", model="RMa", azimuth_deg=(0, 0), distance_m=(1000, 1000), n_columns=16)
    beams = torch.fft.fft(channels.read("test", 0, 50, Snapshots()).response, dim=-1)
    power = beams.abs().square().sum(dim=(1, 2))
    # RMa LOS has K = 7 +- 4 dB: bin 0 wins but for the rare link with a weak LOS path.
    assert (power.argmax(1) == 0).float().mean() > 0.9


def test_a_ue_off_broadside_is_seen_at_its_angle():
    # Half-wavelength spacing: azimuth 30 degrees is a phase step of pi sin(30) = pi / 2, a quarter of the bins.
    channels = source(los="los", model="RMa", azimuth_deg=(30, 30), distance_m=(2000, 2000), n_columns=16)
    beams = torch.fft.fft(channels.read("test", 0, 50, Snapshots()).response, dim=-1)
    assert beams.abs().square().sum(dim=(1, 2)).argmax(1).median() == 4


def test_azimuth_turns_a_cdl_profile():
    # CDL-D departs at 0 degrees; as in the test above, 30 degrees are bin 4 of 16.
    channels = source(model="CDL-D", azimuth_deg=(30, 30), n_columns=16)
    beams = torch.fft.fft(channels.read("test", 0, 20, Snapshots()).response, dim=-1)
    assert (beams.abs().square().sum(dim=(1, 2)).argmax(1) == 4).all()


def test_downtilt_points_the_panel_at_a_ue_below():
    # BS 35 m up, UE 33.5 m lower at 60 m: 29 degrees below the horizon. The 38.901 element loses 12 (60 / 65)^2 = 10 dB
    # at 60 degrees off its axis.
    def mean_gain_db(downtilt_deg: float) -> float:
        channels = source(
            model="RMa",
            los="los",
            distance_m=(60, 60),
            azimuth_deg=(0, 0),
            antenna_pattern="38.901",
            downtilt_deg=downtilt_deg,
        )
        return float(channels.read_paths("test", 0, 50, Snapshots()).gain_db.mean())

    # Diffuse paths have other angles: half of the LOS path's loss must show.
    assert mean_gain_db(29) - mean_gain_db(-31) > 5


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


def test_ues_are_uniform_over_the_sector():
    channels = source(distance_m=(35, 250), azimuth_deg=(-60, 60))
    drops = [channels.drops("test", block) for block in range(40)]
    distance = torch.cat([d.distance_m for d in drops]).double()
    azimuth = torch.rad2deg(torch.cat([d.azimuth_rad for d in drops]).double())
    # Uniform in area: share of the area within r is uniform on [0, 1]; Kolmogorov's 0.1 % bound 1.95 / sqrt(2000).
    for share in ((distance**2 - 35**2) / (250**2 - 35**2), (azimuth + 60) / 120):
        steps = torch.linspace(0, 1, len(share))
        assert (share.sort().values - steps).abs().max() < 1.95 / math.sqrt(len(share))


def test_indoor_share():
    channels = source(indoor_share=0.8)
    indoor = torch.cat([channels.drops("test", block).indoor for block in range(20)]).double().mean()
    # 1000 draws: 4 standard errors.
    assert abs(indoor - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 1000)


def tdl_gains(n: int, **parameters: object) -> torch.Tensor:
    channels = source(carrier_hz=3.5e9, normalise=False, **parameters)
    return channels.read_paths("test", 0, n, Snapshots()).coefficients[:, 0].to(torch.complex128)


@pytest.mark.parametrize("model", ["TDL-A", "TDL-D"])
def test_tdl_has_the_delay_spread_and_power_of_its_profile(model):
    channels = source(model=model, delay_spread_s=300e-9, normalise=False, delay_alignment="none")
    paths = channels.read_paths("test", 0, 1000, Snapshots())
    power = paths.coefficients[:, 0].abs().double().square().mean((0, 1))
    # 4000 fading gains a tap, of relative deviation 1 in power: 1.6 % each, the strongest taps rule the sum.
    assert power.sum().item() == pytest.approx(1, rel=0.05)
    # TR 38.901 scales the profile to unit delay spread, with the tabulated digits to 1 %.
    assert rms_spread(power, paths.delays_s[0]).item() == pytest.approx(300e-9, rel=0.05)


def test_tdl_ports_fade_by_themselves_or_correlated():
    n, taps = 1000, 23
    # Sample correlation of n independent links a tap, averaged over the power of some ten taps: below 4 / sqrt(n).
    tolerance = 4 / math.sqrt(n)
    for correlation in (0.0, 0.7):
        gains = tdl_gains(n, model="TDL-A", n_rows=2, n_columns=3, polarization="dual", port_correlation=correlation)
        assert gains.shape == (n, 12, taps)
        covariance = torch.einsum("bpt,bqt->pq", gains, gains.conj()) / n
        for other, steps in ((1, 1), (2, 2), (3, 1), (4, 2), (5, 3)):
            assert abs(covariance[0, other] - correlation**steps) < tolerance
        # Polarisations are uncorrelated.
        assert covariance[:6, 6:].abs().max() < tolerance


def test_tdl_los_is_rician_on_every_port():
    gains = tdl_gains(1000, model="TDL-D")
    # TR 38.901 Table 7.7.2-4, dB, the specular part first: it has one phase on all ports.
    table = (-0.2, -13.5, -18.8, -21, -22.8, -17.9, -20.1, -21.9, -22.9, -27.8, -23.6, -24.8, -30, -27.7)
    specular = 10 ** (table[0] / 10) / sum(10 ** (level / 10) for level in table)
    first = gains[:, :, 0]
    common = (first[:, 0] * first[:, 1].conj()).mean().abs().item()
    # The scattered part of a port lies 13.3 dB lower; its beat with the specular one moves a mean of 1000 by 1 %.
    assert common == pytest.approx(specular, rel=0.03)


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


def test_spatial_consistency_makes_neighbours_alike() -> None:
    def spread_differences(consistent: bool) -> tuple[float, float]:
        """Mean squared difference of log10 delay spread between UEs near each other, and far apart."""
        channels = source(spatial_consistency=consistent, distance_m=(100, 200), azimuth_deg=(-10, 10))
        near, far = [], []
        for block in range(4):
            drops = channels.drops("test", block)
            paths = channels.read_paths("test", block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE, Snapshots())
            power = paths.coefficients[:, 0].abs().square().sum(1)
            power = power / power.sum(-1, keepdim=True)
            mean = (power * paths.delays_s).sum(-1, keepdim=True)
            spread = (power * (paths.delays_s - mean).square()).sum(-1).log10() / 2
            place = torch.polar(drops.distance_m, drops.azimuth_rad)
            apart = (place[:, None] - place).abs()
            difference = (spread[:, None] - spread).square()
            near.append(difference[(apart > 0) & (apart < 6)])
            far.append(difference[apart > 60])
        return float(torch.cat(near).mean()), float(torch.cat(far).mean())

    independent_near, independent_far = spread_differences(False)
    consistent_near, consistent_far = spread_differences(True)
    # The delay spread of UMa NLOS decorrelates over 40 m (Table 7.5-6): within 6 m at most 1 - exp(-0.15) = 14 % of the
    # variance is left of the large scale, and about as much is ray noise; between far UEs all of it is.
    assert consistent_near < 0.4 * consistent_far
    assert independent_near > 0.5 * independent_far


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


def test_element_spacing_in_a_row_and_in_a_column():
    parameters = SionnaParameters(n_rows=3, n_columns=2, element_spacing=(0.5, 0.8), carrier_hz=2e9)
    positions = SionnaModel(parameters, CPU).bs_array.ant_pos
    wavelength_m = 299792458 / 2e9
    # Counted column by column, downwards, in the plane of y and z.
    assert float(positions[0, 2] - positions[1, 2]) == pytest.approx(0.8 * wavelength_m, rel=1e-5)
    assert abs(float(positions[3, 1] - positions[0, 1])) == pytest.approx(0.5 * wavelength_m, rel=1e-5)
    assert parameters.aperture == pytest.approx(1.6)


def test_a_ue_with_pairs_of_crossed_antennas():
    paths = source(n_rx=4, rx_polarization="dual", n_columns=2).read_paths("test", 0, 50, Snapshots())
    gains = paths.coefficients.reshape(50, 4, 2, -1)
    vertical, horizontal = gains[:, :2], gains[:, 2:]
    # Cross-polarised power is below that of the same polarisation (TR 38.901, Table 7.5-6: 7 dB on average).
    assert 0 < float(horizontal.abs().square().sum()) < 0.5 * float(vertical.abs().square().sum())


def test_indoor_ues_are_on_floors_and_walk():
    channels = source(indoor_share=0.8, indoor_floors=(4, 8), speed_m_s=8.3, indoor_speed_m_s=0.83)
    blocks = [channels.drops("test", number) for number in range(20)]
    indoor, height_m = (torch.cat([getattr(b, name) for b in blocks]) for name in ("indoor", "height_m"))
    speed_m_s = torch.cat([b.velocity_m_s.norm(dim=1) for b in blocks])
    assert torch.allclose(speed_m_s, torch.where(indoor, 0.83, 8.3))
    assert (height_m[~indoor] == 1.5).all()
    floors = ((height_m[indoor] - 1.5) / 3).round()
    assert torch.equal(height_m[indoor], 1.5 + 3 * floors)
    # Mean of (n - 1) over n of 1 to N, N of 4 to 8: 2.5. Standard deviation of 800 draws' mean is below 0.07.
    assert float(floors.mean()) == pytest.approx(2.5, abs=0.3)
    assert float(floors.max()) == 7
    plain = source(indoor_share=0.8, speed_m_s=8.3).drops("test", 0)
    assert torch.equal(plain.distance_m, blocks[0].distance_m)
