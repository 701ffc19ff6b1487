"""Where UEs of 3GPP TR 38.901 channels are, and the angles that a BS sees them at."""

import math

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE
from tests.channels.small_sionna import source


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


def test_ues_are_uniform_over_the_sector():
    channels = source(distance_m=(35, 250), azimuth_deg=(-60, 60))
    drops = [channels.drops("test", block) for block in range(40)]
    distance = torch.cat([d.distance_m for d in drops]).double()
    azimuth = torch.rad2deg(torch.cat([d.azimuth_rad for d in drops]).double())
    # Uniform in area: share of the area within r is uniform on [0, 1]; Kolmogorov's 0.1 % bound 1.95 / sqrt(2000).
    for share in ((distance**2 - 35**2) / (250**2 - 35**2), (azimuth + 60) / 120):
        steps = torch.linspace(0, 1, len(share))
        assert (share.sort().values - steps).abs().max() < 1.95 / math.sqrt(len(share))


def test_ues_of_a_hotspot_are_uniform_over_its_disc() -> None:
    channels = source(distance_m=(35, 250), hotspot_radius_m=20.0)
    spread, centres = [], []
    for block in range(40):
        drops = channels.drops("test", block)
        assert float(drops.distance_m.min()) >= 35
        place = torch.polar(drops.distance_m.double(), drops.azimuth_rad.double())
        # All lie within a disc, so none are more than its diameter apart.
        assert float((place[:, None] - place).abs().max()) <= 40
        centres.append(place.mean())
        if float(drops.distance_m.min()) > 36:
            spread.append((place - place.mean()).abs().square().mean() * 50 / 49)
    # Mean squared distance from the centre of a disc: half of the radius squared; its standard deviation is 0.29 of
    # that of the radius, over some 1500 UEs.
    assert float(torch.stack(spread).mean()) == pytest.approx(200, rel=4 * 0.58 / math.sqrt(1500))
    # Centres are all over the sector.
    assert float(torch.stack(centres).abs().std()) > 30


def test_users_of_a_hotspot_have_channels_alike_where_space_is_consistent() -> None:
    def likeness(**parameters: object) -> float:
        """Mean squared cosine of channels of users beside each other, averaged over the band."""
        channels = source(n_columns=16, los="los", distance_m=(100, 200), **parameters)
        vectors = torch.nn.functional.normalize(channels.read("test", 0, 50, Snapshots()).response[:, 0], dim=-1)
        return float((vectors[::2].conj() * vectors[1::2]).sum(-1).abs().square().mean())

    near = likeness(hotspot_radius_m=3.0, spatial_consistency=True)
    # Independent users of 16 antennas: 1 / 16, more as the sector is no full circle.
    assert near > 0.5 > 0.2 > likeness()


def test_indoor_share():
    channels = source(indoor_share=0.8)
    indoor = torch.cat([channels.drops("test", block).indoor for block in range(20)]).double().mean()
    # 1000 draws: 4 standard errors.
    assert abs(indoor - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 1000)


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


def test_samples_that_are_alike_are_told_of() -> None:
    lines = [source(spatial_consistency=alike).parameters.validity_warnings() for alike in (True, False)]
    assert [line.partition(":")[0] for line in lines[0]] == ["spatial_consistency"]
    assert lines[1] == []


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
