"""Coefficients of 3GPP TR 38.901 paths are those of the sum over rays that Sionna itself makes."""

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.sources.sionna.models import SionnaModel
from channels.sources.sionna.planar_array import PlanarArray
from channels.sources.sionna.ray_coupling import order_of
from tests.channels.small_sionna import CPU, MODELS, source

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


def test_order_of_values_is_that_of_a_stable_sort():
    values = torch.randn(50, 20, generator=torch.Generator().manual_seed(1))
    values[:, 3], values[:, 7] = values[:, 11], -0.0
    values[:, 8] = 0.0
    assert torch.equal(order_of(values), torch.argsort(values, dim=-1, stable=True))


@pytest.mark.parametrize("n_columns", [1, 2, 3, 12, 32])
def test_phases_of_a_row_are_the_product_of_their_factors(n_columns):
    along_row = torch.tensor([-1.0, 0.3, 0.9])
    left, right = PlanarArray(1, n_columns, (0.7, 0.5)).factors((torch.zeros(3), along_row, torch.zeros(3)))
    place = torch.arange(n_columns, dtype=torch.float64) - (n_columns - 1) / 2
    angle = 2 * torch.pi * 0.7 * along_row.to(torch.float64)[:, None] * place
    expected = torch.polar(torch.ones_like(angle), angle)
    # Angles of up to 70 radians in single precision.
    assert (left[:, :, None] * right[:, None, :]).flatten(1).sub(expected).abs().max() < 1e-5


def test_blocks_of_one_draw_are_read_in_any_order():
    whole = source(n_columns=2).read_paths("test", 0, 250, Snapshots()).coefficients
    channels = source(n_columns=2)
    for start in (200, 0, 100):
        found = channels.read_paths("test", start, start + 50, Snapshots()).coefficients
        assert torch.equal(found, whole[start : start + 50])
