"""Coefficients of 3GPP TR 38.901 paths are those of the sum over rays that Sionna itself makes."""

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.sources.sionna.models import SionnaModel
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
