"""COST 2100: the contract of a source, closed forms of the model, and motion."""

import math
from typing import Any

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE
from channels.sources.cost2100.clusters import _Part
from channels.sources.cost2100.environment import load_environment
from channels.sources.cost2100.placement import draw_positions
from channels.sources.cost2100.rays import Rays, free_space_gain
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.transforms.angular_delay import AngularDelayTransform

CPU = torch.device("cpu")
CASES: list[dict[str, Any]] = [
    {"environment": "indoor"},
    {"environment": "indoor", "placement": "paper", "n_columns": 8, "n_subcarriers": 64},
    {"environment": "outdoor"},
    {"environment": "outdoor", "line_of_sight": "nlos", "delay_alignment": "first_path", "n_subcarriers": 256},
]


def source(seed: int = 1, **parameters: Any) -> Cost2100Source:
    return Cost2100Source(Cost2100Parameters(**parameters), seed=seed, device=CPU)


@pytest.mark.parametrize("parameters", CASES)
def test_truncated_matrices_are_those_of_the_responses(parameters: dict[str, Any]) -> None:
    channels = source(**parameters)
    response = channels.read("test", 47, 53, Snapshots()).response
    expected = AngularDelayTransform(channels.grid, channels.array, 32).truncate(response)[:, 0]
    found = channels.read_truncated("test", 47, 53, 32)
    error = torch.linalg.vector_norm(found - expected, dim=(1, 2)) / torch.linalg.vector_norm(expected, dim=(1, 2))
    assert response.shape == (6, 1, channels.grid.n_subcarriers, channels.array.n_tx)
    assert error.max() < 1e-5
    # The power is a sum in closed form; 1e-5 is its stated error.
    torch.testing.assert_close(response.abs().square().mean(dim=(1, 2, 3)), torch.ones(6), rtol=0, atol=1e-5)


@pytest.mark.parametrize("parameters", CASES[::2])
def test_a_sample_depends_on_seed_split_and_index_alone(parameters: dict[str, Any]) -> None:
    whole = source(**parameters).read_truncated("train", 40, 110, 32)
    parts = [source(**parameters).read_truncated("train", *span, 32) for span in ((40, 41), (41, 102), (102, 110))]
    assert torch.equal(whole, torch.cat(parts))
    ones = [source(**parameters).read("train", i, i + 1, Snapshots()).response for i in (49, 50)]
    assert torch.equal(source(**parameters).read("train", 49, 51, Snapshots()).response, torch.cat(ones))
    others = [
        source(seed=2, **parameters).read_truncated("train", 40, 110, 32),
        source(**parameters).read_truncated("test", 40, 110, 32),
    ]
    assert all(not torch.isclose(other, whole).any() for other in others)


@pytest.mark.parametrize("parameters", CASES)
def test_hundreds_of_links_are_finite(parameters: dict[str, Any]) -> None:
    channels = source(**parameters)
    for block in range(4):
        rays = channels.read_rays("validation", block, Snapshots.every(0.01, 2))
        for values in (torch.view_as_real(rays.amplitude), rays.delay_s, rays.aod_rad, rays.gain_db):
            assert torch.isfinite(values).all()


def test_normalisation_keeps_the_gain() -> None:
    kept, removed = (source(normalise=normalise).read_rays("test", 0, Snapshots()) for normalise in (False, True))
    gain = 10 ** (removed.gain_db / 20)
    torch.testing.assert_close(removed.amplitude * gain[:, None, None], kept.amplitude, rtol=1e-5, atol=0)
    assert not kept.gain_db.any()


def test_first_path_starts_at_zero() -> None:
    rays = source(environment="outdoor", delay_alignment="first_path").read_rays("test", 0, Snapshots())
    power = rays.amplitude.abs().square()
    significant = power >= 10**-2.5 * power.amax(dim=2, keepdim=True)
    assert torch.equal(
        rays.delay_s.masked_fill(~significant, torch.inf).amin(dim=(1, 2)), torch.zeros(BLOCK_SIZE).double()
    )


@pytest.mark.parametrize("name", ["indoor", "outdoor"])
def test_first_snapshot_does_not_depend_on_the_others(name: str) -> None:
    # Long enough a track to see clusters that the start does not.
    track = source(environment=name, speed_m_s=20).read_rays("test", 0, Snapshots.every(0.1, 6))
    start = source(environment=name).read_rays("test", 0, Snapshots())
    assert track.amplitude.shape[2] > start.amplitude.shape[2]
    n_rays = start.amplitude.shape[2]
    # Vectorised functions round differently in tensors of another shape: a few float32 roundings of the longest way,
    # turned by the carrier.
    seen = start.amplitude != 0
    rounding_s = 2**-22 * start.delay_s[seen].max()
    phase = 2 * math.pi * {"indoor": 5.3e9, "outdoor": 285e6}[name] * float(rounding_s)
    change = track.delay_s[:, :1, :n_rays] - start.delay_s
    assert change[seen].abs().max() < rounding_s
    torch.testing.assert_close(track.amplitude[:, :1, :n_rays], start.amplitude, rtol=phase, atol=0)
    assert not track.amplitude[:, 0, n_rays:].any()
    assert track.amplitude[:, 5, n_rays:].any()


@pytest.mark.parametrize("name", ["indoor", "outdoor"])
def test_moving_user_sees_the_same_rays(name: str) -> None:
    channels = source(environment=name, speed_m_s=3)
    rays = channels.read_rays("test", 0, Snapshots.every(2e-3, 4))
    change = rays.delay_s.diff(dim=1)
    # No ray can lengthen faster than the MS moves.
    assert change.abs().max() <= 3 * 2e-3 / 3e8 * (1 + 1e-9)
    assert change.abs().max() > 0.9 * 3 * 2e-3 / 3e8
    # The phase turns with the delay, and with nothing else.
    ratio = rays.amplitude[:, 1:] * rays.amplitude[:, :-1].conj()
    expected = torch.polar(torch.ones_like(change), -2 * math.pi * channels.grid.carrier_hz * change)
    aligned = ratio * expected.conj()
    seen = ratio.abs() > 0
    # Float32 phases of delays rounded to float64: 1e-6 of a turn.
    assert (aligned.imag.abs()[seen] < 1e-5 * aligned.real[seen]).all()


def test_standing_user_sees_a_constant_channel() -> None:
    response = source().read("test", 0, 3, Snapshots.every(0.5, 3)).response
    assert torch.equal(response[:, 0], response[:, 1])
    assert torch.equal(response[:, 0], response[:, 2])


def test_direct_path_has_the_k_factor_of_its_environment() -> None:
    parts = [source(environment="outdoor").read_rays("test", block, Snapshots()) for block in range(8)]
    ratio_db = torch.cat([10 * torch.log10(k_factors(rays)) for rays in parts])
    exists = ratio_db.isfinite()
    # csinet users are at most 283 m from the BS and so nearly 60 m inside the region of the direct path.
    assert exists.all()
    # Mean and standard deviation of 400 normal values, within 4 standard errors.
    assert ratio_db.mean().item() == pytest.approx(-4.7, abs=4 * 2 / 20)
    assert ratio_db.std().item() == pytest.approx(2, abs=4 * 2 / math.sqrt(800))
    assert source(environment="outdoor", line_of_sight="nlos").read_rays("test", 0, Snapshots()).n_los == 0


def k_factors(rays: Rays) -> torch.Tensor:
    power = rays.amplitude[:, 0].abs().square()
    return power[:, 0] / power[:, 1:].sum(dim=1)


def test_local_clusters_have_unit_power_indoors() -> None:
    rays = source(normalise=False).read_rays("test", 0, Snapshots())
    power = rays.amplitude[:, 0, : rays.n_local].abs().square().unflatten(1, (2, -1)).sum(dim=2)
    torch.testing.assert_close(10 * torch.log10(power), rays.path_gain_db.unsqueeze(1).expand(-1, 2), rtol=0, atol=1e-3)


def test_free_space_gain() -> None:
    # PL = 20 log10(100) + 20 log10(285e6) - 147.56 = 61.537 dB.
    gain = free_space_gain(torch.tensor([100.0], dtype=torch.float64), 285e6)
    assert 20 * math.log10(gain.item()) == pytest.approx(-61.537, abs=1e-3)


def test_polar_and_cartesian_rays_of_a_cluster_agree() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(5, 4, generator=generator) + 0.1
    part = _Part(*values, cloud=torch.randn(4, 3, 6, generator=generator))
    x, y, height = part.positions().unbind(1)
    torch.testing.assert_close(part.ray_distance(), (x.square() + y.square() + height.square()).sqrt())
    bearing = torch.stack((torch.cos(part.ray_azimuth()), torch.sin(part.ray_azimuth())))
    torch.testing.assert_close(bearing * torch.hypot(x, y), torch.stack((x, y)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "placement", "low", "high", "mean"),
    [
        ("indoor", "csinet", (-20, -20), (0, 0), (-10, -10)),
        ("indoor", "paper", (-10, -10), (10, 10), (0, 0)),
        ("outdoor_los", "csinet", (-110, -260), (110, -110), (0, -190)),
        ("outdoor_nlos", "paper", (-200, -200), (200, 200), (0, 0)),
    ],
)
def test_placements(
    name: str, placement: str, low: tuple[float, ...], high: tuple[float, ...], mean: tuple[float, ...]
) -> None:
    position = draw_positions(load_environment(name).placements[placement], 4000, torch.Generator().manual_seed(1))
    assert (position >= torch.tensor(low)).all()
    assert (position <= torch.tensor(high)).all()
    # Within 4 standard errors of 4000 positions.
    error = 4 * position.std(dim=0) / math.sqrt(4000)
    assert ((position.mean(dim=0) - torch.tensor(mean)).abs() < error).all()
