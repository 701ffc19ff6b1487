"""Precoders: unit norm, the gains that theory gives, and rows that do not depend on each other."""

import pytest
import torch

from linksim.errors import InputError
from linksim.precoding import PRECODERS, Precoder
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands


def _precoder(name: str, **parameters: object) -> Precoder:
    plugin = PRECODERS.get_class(name)
    return plugin(plugin.Parameters(**parameters))


def _response(batch: int = 3, n: int = 52, n_tx: int = 8) -> torch.Tensor:
    return torch.randn(batch, n, n_tx, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))


def _matrices(response: torch.Tensor) -> torch.Tensor:
    """One UE antenna."""
    return response[..., None, :]


def _gain(response: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (response * weights).sum(-1).abs().square()


@pytest.mark.parametrize("name", sorted(PRECODERS.keys()))
def test_every_precoder(name: str) -> None:
    response = _response()
    response[1] = 0
    response[2, 5] = 0
    kept = response.clone()
    weights = _precoder(name).weights(_matrices(response))
    assert weights.shape == response.shape
    assert torch.equal(response, kept)
    # One normalisation in float32.
    torch.testing.assert_close(weights.abs().square().sum(-1), torch.ones(3, 52), atol=1e-6, rtol=0)
    # A report tells the channel up to a scale and a phase at best: the gain must not depend on them.
    turned = _precoder(name).weights(_matrices(response * (3 * torch.exp(torch.tensor(0.7j)))))
    torch.testing.assert_close(_gain(kept, turned), _gain(kept, weights), atol=1e-3, rtol=1e-4)
    for row in range(3):
        alone = _precoder(name).weights(_matrices(response[row : row + 1]))
        torch.testing.assert_close(alone[0], weights[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(PRECODERS.keys()))
@pytest.mark.parametrize("n_layers", [1, 2])
def test_weights_from_eigenvectors_that_are_known_have_the_same_digits(name: str, n_layers: int) -> None:
    precoder = _precoder(name)
    bands = precoder.bands(52)
    response = torch.randn(3, 52, 2, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    response[1, bands[2] if bands else 0] = 0
    if bands is not None:
        # Whatever number of layers a metric has asked for.
        vectors = subband_eigenvectors(response, bands, n_layers)[:, :, 0]
        assert torch.equal(precoder.weights_of_bands(vectors, bands), precoder.weights(response))


def test_mrt_reaches_the_whole_channel_power() -> None:
    response = _response()
    gain = _gain(response, _precoder("mrt").weights(_matrices(response)))
    torch.testing.assert_close(gain, response.abs().square().sum(-1))


@pytest.mark.parametrize("n_subbands", [1, 13, 52])
def test_subband_gain_is_the_largest_eigenvalue(n_subbands: int) -> None:
    response = _response()
    gain = _gain(response, _precoder("mrt_subband", n_subbands=n_subbands).weights(_matrices(response)))
    for band in subbands(52, n_subbands):
        part = response[:, band].to(torch.complex128)
        largest = torch.linalg.eigvalsh(part.mH @ part)[:, -1]
        shortfall = 1 - gain[:, band].sum(-1) / largest
        # Rounding of float32; that of a vector enters its gain squared.
        assert (shortfall.abs() < 1e-5).all()


def test_one_subcarrier_per_subband_is_mrt() -> None:
    response = _response()
    narrow = _gain(response, _precoder("mrt_subband", n_subbands=52).weights(_matrices(response)))
    torch.testing.assert_close(
        narrow, _gain(response, _precoder("mrt").weights(_matrices(response))), rtol=1e-5, atol=0
    )


def test_flat_channel_needs_one_vector() -> None:
    response = _response(n=1).expand(3, 52, 8)
    flat = _gain(response, _precoder("mrt_subband", n_subbands=1).weights(_matrices(response)))
    torch.testing.assert_close(flat, response.abs().square().sum(-1), rtol=1e-5, atol=0)


@pytest.mark.parametrize("n_rx", [2, 4])
def test_several_ue_antennas_get_the_strongest_eigenmode(n_rx: int) -> None:
    response = torch.randn(3, 52, n_rx, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    gain = (response @ _precoder("mrt").weights(response)[..., None])[..., 0].abs().square().sum(-1)
    largest = torch.linalg.svdvals(response)[..., 0].square()
    # Rounding of float32; that of a vector enters its gain squared.
    torch.testing.assert_close(gain, largest, rtol=1e-5, atol=0)
    band = _precoder("mrt_subband", n_subbands=1).weights(response)
    covariance = (response.mH @ response).sum(1).to(torch.complex128)
    mean_gain = (response @ band[..., None])[..., 0].abs().square().sum((-1, -2))
    assert (mean_gain / torch.linalg.eigvalsh(covariance)[:, -1] > 1 - 1e-5).all()


def test_subbands_tile_the_band() -> None:
    bands = subbands(1024, 13)
    assert [index for band in bands for index in range(1024)[band]] == list(range(1024))
    assert {band.stop - band.start for band in bands} == {78, 79}
    with pytest.raises(InputError, match="n_subbands: got 5, expected 1 to 4"):
        subbands(4, 5)
