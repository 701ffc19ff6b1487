"""COST 2100 against data of the original program: images from the files, ray statistics from its reference tables.

Both samples are finite, so a statistic passes if it lies within the Monte-Carlo interval of the difference,

    |ours - theirs| <= z sqrt(se_ours^2 + se_theirs^2) + rounding,

with bootstrap standard errors and z = 4.3: the two-sided quantile of 1 % shared by about 500 comparisons (Bonferroni).
Users of one indoor environment of the reference are correlated. Where its samples are at hand the bootstrap draws whole
environments; where there is only a table, ours is scaled as if all users of an environment were copies of one another.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.io
import torch

from channels.channel_batch import Snapshots
from channels.source import BLOCK_SIZE
from channels.sources.cost2100.source import Cost2100Source
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.transforms.direct_angular_delay import truncated_plane_waves

pytestmark = pytest.mark.validate

N_BLOCKS = 120
N_BOOTSTRAP = 200
Z = 4.3
LEVELS = (5, 10, 25, 50, 75, 90, 95)

# Users per environment of the reference samples.
GROUPS = {"indoor": [4] * 250 + [10] * 100, "outdoor": [1] * 2000}


class Table(NamedTuple):
    """Reference figures with the unit of their last printed digit."""

    value: tuple[float, ...]
    digit: float


TABLES = {
    "indoor": {
        "energy in 32 rows": Table((0.9103, 0.921, 0.9507, 0.9684, 0.9875, 0.9965, 0.9986), 1e-4),
        "mean energy in 32 rows": Table((0.9650,), 1e-4),
        "rms delay spread, ns": Table((2.5, 10.4, 26.8, 36.8, 45.7, 52.5, 56.8), 0.1),
        "circular AoD spread, deg": Table((28.7, 33.9, 45.0, 61.5, 79.1, 94.4, 106.0), 0.1),
        "share of LOS, local, far": Table((0.0, 0.8996, 0.1004), 1e-4),
        "far share": Table((0.0, 0.002, 0.021, 0.073, 0.154, 0.241, 0.298), 1e-3),
        "active clusters, mean": Table((9.16,), 0.01),
        "active clusters, std": Table((5.63,), 0.01),
        "path gain, dB": Table((-69.61,), 0.01),
    },
    "outdoor": {
        "energy in 32 rows": Table((0.8758, 0.9137, 0.948, 0.9698, 0.9822, 0.9882, 0.9909), 1e-4),
        "mean energy in 32 rows": Table((0.9569,), 1e-4),
        "rms delay spread, ns": Table((196.0, 221.2, 268.7, 340.0, 419.7, 519.3, 577.5), 0.1),
        "circular AoD spread, deg": Table((7.7, 9.7, 13.8, 21.4, 31.5, 41.5, 49.5), 0.1),
        "share of LOS, local, far": Table((0.2638, 0.4568, 0.2794), 1e-4),
        "far share": Table((0.03, 0.048, 0.11, 0.255, 0.417, 0.557, 0.617), 1e-3),
        "active clusters, mean": Table((25.42,), 0.01),
        "active clusters, std": Table((5.13,), 0.01),
        "path gain, dB": Table((-67.47,), 0.01),
    },
}


def quantiles(x: np.ndarray) -> np.ndarray:
    return np.percentile(x, LEVELS)


def average(x: np.ndarray) -> np.ndarray:
    return np.atleast_1d(x.mean(axis=0))


# Per sample value and how samples make a statistic; shares are ratios of sums.
IMAGE_STATISTICS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "share by delay": ("by delay", lambda x: x.sum(axis=0) / x.sum()),
    "share by angle": ("by angle", lambda x: x.sum(axis=0) / x.sum()),
    "energy in largest 1/2/5/10/20 %": ("largest", average),
    "image energy": ("energy", quantiles),
    "mean image energy": ("energy", average),
}
RAY_STATISTICS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "energy in 32 rows": ("kept", quantiles),
    "mean energy in 32 rows": ("kept", average),
    "rms delay spread, ns": ("delay spread", quantiles),
    "circular AoD spread, deg": ("angle spread", quantiles),
    "share of LOS, local, far": ("shares", average),
    "far share": ("far", quantiles),
    "active clusters, mean": ("active", average),
    "active clusters, std": ("active", lambda x: np.atleast_1d(x.std())),
    "path gain, dB": ("path gain", average),
}


@pytest.fixture(scope="module", params=["indoor", "outdoor"])
def environment(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def ours(environment: str) -> dict[str, np.ndarray]:
    """Per sample values of many links."""
    source = Cost2100Source(Cost2100Parameters(environment=environment), seed=7, device=torch.device("cpu"))
    parts = [block_values(source, block) for block in range(N_BLOCKS)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_images_agree_with_the_files(
    environment: str, ours: dict[str, np.ndarray], reference_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = reference_data / f"DATA_Htest_{environment}_cost2100_N2000.mat"
    tiles = scipy.io.loadmat(file)["HT"].reshape(-1, 2, 32, 32) - 0.5
    theirs = image_values((tiles[:, 0] + 1j * tiles[:, 1]).transpose(0, 2, 1))
    alone = np.arange(len(ours["energy"]))
    environments = np.repeat(np.arange(len(GROUPS[environment])), GROUPS[environment])
    outside = []
    for name, (key, statistic) in IMAGE_STATISTICS.items():
        found, expected = statistic(ours[key]), statistic(theirs[key])
        error = np.hypot(
            bootstrap_error(ours[key], alone, statistic), bootstrap_error(theirs[key], environments, statistic)
        )
        outside += report(f"{environment} {name}", found, expected, error, 0.0, capsys)
    assert not outside


def test_rays_agree_with_the_tables(
    environment: str, ours: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = np.array(GROUPS[environment])
    reference_size = sizes.sum() ** 2 / (sizes**2).sum()
    outside = []
    for name, (key, statistic) in RAY_STATISTICS.items():
        table = TABLES[environment][name]
        found = statistic(ours[key])
        error = bootstrap_error(ours[key], np.arange(len(ours[key])), statistic)
        error = error * np.sqrt(1 + len(ours[key]) / reference_size)
        outside += report(f"{environment} {name}", found, np.array(table.value), error, table.digit / 2, capsys)
    assert not outside


def block_values(source: Cost2100Source, block: int) -> dict[str, np.ndarray]:
    rays = source.read_rays("test", block, Snapshots())
    amplitude, delay, aod = rays.amplitude[:, 0], rays.delay_s[:, 0], rays.aod_rad[:, 0].double()
    grid, n_ports = source.grid, source.array.n_tx
    matrices = truncated_plane_waves(amplitude, delay, rays.spatial_frequency[:, 0], grid, n_ports, 32)
    power = amplitude.abs().double().square()
    power /= power.sum(dim=1, keepdim=True)
    mean_delay = (power * delay).sum(dim=1, keepdim=True)
    resultant = (power * torch.polar(torch.ones_like(aod), aod)).sum(dim=1).abs()
    first_far = rays.n_los + rays.n_local
    parts = power.split((rays.n_los, rays.n_local, power.shape[1] - first_far), dim=1)
    shares = torch.stack([part.sum(dim=1) for part in parts], dim=1)
    values = {
        # Normalised links have energy n_subcarriers n_tx over all rows.
        "kept": matrices.abs().double().square().sum(dim=(1, 2)) / (grid.n_subcarriers * n_ports),
        "delay spread": 1e9 * (power * (delay - mean_delay).square()).sum(dim=1).sqrt(),
        "angle spread": torch.rad2deg((-2 * resultant.log()).sqrt()),
        "shares": shares,
        "far": shares[:, 2],
        "active": (power[:, first_far:] > 0).sum(dim=1) / source.environment.rays_per_cluster,
        "path gain": rays.path_gain_db,
    }
    assert len(shares) == BLOCK_SIZE
    return image_values(matrices.numpy()) | {name: value.numpy() for name, value in values.items()}


def image_values(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Per image values of angular-delay matrices, each scaled so that its largest modulus is 1/2."""
    power = np.abs(matrices.astype(np.complex128)) ** 2
    power /= 4 * power.max(axis=(1, 2), keepdims=True)
    energy = power.sum(axis=(1, 2))
    flat = -np.sort(-power.reshape(len(power), -1), axis=1)
    cumulated = np.cumsum(flat, axis=1) / energy[:, None]
    counts = [round(share * flat.shape[1]) for share in (0.01, 0.02, 0.05, 0.1, 0.2)]
    return {
        "by delay": power.sum(axis=2),
        "by angle": power.sum(axis=1),
        "largest": cumulated[:, [count - 1 for count in counts]],
        "energy": energy,
    }


def bootstrap_error(
    values: np.ndarray, groups: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Standard error of a statistic when whole groups are resampled; groups are consecutive."""
    generator = np.random.default_rng(1)
    members = np.split(np.arange(len(values)), np.flatnonzero(np.diff(groups)) + 1)
    replicates = []
    for _ in range(N_BOOTSTRAP):
        chosen = generator.integers(0, len(members), len(members))
        replicates.append(statistic(values[np.concatenate([members[i] for i in chosen])]))
    return np.std(replicates, axis=0, ddof=1)


def report(
    name: str,
    found: np.ndarray,
    expected: np.ndarray,
    error: np.ndarray,
    rounding: float,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """Prints the farthest entry of a statistic, and names those outside their interval."""
    difference = np.maximum(np.abs(found - expected) - rounding, 0)
    deviation = np.divide(difference, error, out=np.zeros_like(difference), where=difference > 0)
    worst = int(deviation.argmax())
    with capsys.disabled():
        print(f"\n{name}: farthest is entry {worst}: {found[worst]:.4g}, reference {expected[worst]:.4g}, "
              f"{deviation[worst]:.1f} standard errors", end="")  # fmt: skip
    return [
        f"{name}[{i}]: {found[i]:.4g}, expected {expected[i]:.4g} +- {Z * error[i] + rounding:.2g}"
        for i in np.flatnonzero(deviation > Z)
    ]
