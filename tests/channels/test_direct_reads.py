"""Truncated matrices and HF_all straight from the paths of a source, against the long way over its responses."""

import pytest
import torch

from channels.channel_batch import Snapshots
from channels.source import SOURCES, Source
from channels.transforms.angular_delay import AngularDelayTransform

CASES = {
    "UMa": {"source": "sionna", "n_subcarriers": 128, "n_columns": 8},
    "UMi planar, two UE antennas": {
        "source": "sionna",
        "model": "UMi",
        "n_subcarriers": 63,
        "n_rows": 2,
        "n_columns": 4,
        "polarization": "dual",
        "n_rx": 2,
    },
    "CDL, delays of the model": {"source": "sionna", "model": "CDL-A", "delay_alignment": "none", "n_columns": 8},
    "COST 2100": {"source": "cost2100", "n_subcarriers": 128, "n_columns": 8},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def channels(request) -> Source:
    return opened(**request.param)


def opened(source: str, **parameters: object) -> Source:
    plugin = SOURCES.get_class(source)
    return plugin(plugin.Parameters(**parameters), seed=5, device=torch.device("cpu"))


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_truncated_equals_the_long_way(channels):
    transform = AngularDelayTransform(channels.grid, channels.array, 16)
    response = channels.read("train", 40, 55, Snapshots()).response[:, 0]
    direct = channels.read_truncated("train", 40, 55, 16)
    assert direct.dtype == torch.complex64
    # Phases and sums over paths and subcarriers in float32: some 10 roundings of 6e-8, measured below 1e-6.
    assert relative_error(direct, transform.truncate(response)) < 1e-5


def test_digits_do_not_depend_on_the_range(channels):
    whole = channels.read_truncated("test", 40, 70, 16)
    assert torch.equal(channels.read_truncated("test", 60, 61, 16), whole[20:21])
    moving = Snapshots((0.0, -1e-3))
    whole = channels.read_truncated_sequences("test", 40, 70, 16, moving)
    assert torch.equal(channels.read_truncated_sequences("test", 60, 61, 16, moving), whole[20:21])
    reference = channels.read_hf_all("test", 40, 70)
    assert torch.equal(channels.read_hf_all("test", 60, 61), reference[20:21])


@pytest.mark.parametrize("case", [case for name, case in CASES.items() if "planar" not in name], ids=str)
def test_hf_all_is_the_response_on_257_points(case):
    """Every second subcarrier of a grid of 514 lies on a bin, and a ULA has one DFT over its ports."""
    channels = opened(**(case | {"n_subcarriers": 514, "normalise": False}))
    response = channels.read("test", 0, 20, Snapshots()).response[:, 0, :250:2]
    expected = torch.fft.fft(response, dim=-1, norm="ortho") * 514**0.5
    assert relative_error(channels.read_hf_all("test", 0, 20), expected) < 1e-5


def test_hf_all_is_what_the_truncated_matrix_approximates():
    """Indoors 3 to 4 % of the energy lies beyond the 32 rows, most of it where the band ends."""
    channels = opened("cost2100")
    csi = channels.read_truncated("test", 0, 50, 32)
    rebuilt = torch.fft.fft(csi, n=257, dim=1)[:, :125]
    reference = channels.read_hf_all("test", 0, 50)
    assert relative_error(rebuilt, reference) ** 2 < 0.1
    cosine = torch.einsum("nka,nka->nk", rebuilt, reference.conj()).abs() / (
        rebuilt.norm(dim=2) * reference.norm(dim=2)
    )
    assert cosine.mean() > 0.99
