"""Channel estimators against closed forms, and against Sionna on one resource grid."""

import math

import numpy as np
import pytest
import torch
from sionna.phy.ofdm import LSChannelEstimator, ResourceGrid

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator import ESTIMATORS, Estimator, NormalDraw
from channels.estimators.interpolation import DelayWindowInterpolation, LinearInterpolation
from channels.estimators.pilots import dft_pilots
from channels.estimators.right_inverse import right_inverse
from channels.training_moments import TrainingMoments

GRID = OfdmGrid(48, 20e6, 28e9)
ARRAY = ArrayShape(1, 2, 4)


def _estimator(name: str, **parameters: object) -> Estimator:
    plugin = ESTIMATORS.get_class(name)
    estimator = plugin(plugin.Parameters(**parameters), GRID, ARRAY)
    if estimator.learns:
        estimator.fit(TrainingMoments.of(_response(20, seed=7), estimator.pilot_spacing))
    return estimator


def _draw(batch: int, seed: int = 0) -> NormalDraw:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(batch, *shape, generator=generator)


def _response(batch: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, 48, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys()))
def test_every_estimator(name: str) -> None:
    response = _response(3)
    kept = response.clone()
    estimate = _estimator(name).estimate(response, 10.0, _draw(3))
    assert estimate.shape == response.shape
    assert estimate.dtype == torch.complex64
    assert torch.isfinite(torch.view_as_real(estimate)).all()
    assert torch.equal(response, kept)
    assert torch.equal(estimate, _estimator(name).estimate(response, 10.0, _draw(3)))


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys()))
def test_a_link_s_estimate_does_not_depend_on_the_batch(name: str) -> None:
    noise = torch.randn(3, 48, 1, 8, 2, generator=torch.Generator().manual_seed(2))
    response, estimator = _response(3), _estimator(name)

    def of(links: slice) -> torch.Tensor:
        return estimator.estimate(response[links], 10.0, lambda shape: noise[links, : shape[0]])

    assert torch.equal(of(slice(1, 2)), of(slice(3))[1:2])


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys()))
def test_what_was_learnt_survives_its_state(name: str) -> None:
    fitted = _estimator(name)
    plugin = ESTIMATORS.get_class(name)
    loaded = plugin(plugin.Parameters(), GRID, ARRAY)
    assert bool(fitted.state()) == fitted.learns
    loaded.load_state(fitted.state())
    first, second = (each.estimate(_response(2), 10.0, _draw(2)) for each in (fitted, loaded))
    assert torch.equal(first, second)


def test_perfect() -> None:
    assert torch.equal(_estimator("perfect").estimate(_response(2), 1e-3, _draw(2)), _response(2))


@pytest.mark.parametrize("n_pilots", [8, 9, 16])
def test_pilots_are_orthogonal_with_unit_power(n_pilots: int) -> None:
    pilots = dft_pilots(8, n_pilots)
    # Sums of at most 16 float32 products.
    torch.testing.assert_close(pilots.abs().square().sum(0), torch.ones(n_pilots), atol=1e-6, rtol=0)
    expected = torch.eye(8, dtype=torch.complex64) * n_pilots / 8
    torch.testing.assert_close(pilots @ pilots.mH, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("snr_db", range(-10, 50, 10))
@pytest.mark.parametrize("n_pilots", [None, 12])
def test_ls_error_variance(snr_db: int, n_pilots: int | None) -> None:
    """Error of variance (Nt / Tp) / SNR, unbiased, whatever the channel's power."""
    batch = 200
    response = 3 * _response(batch)
    snr = 10 ** (snr_db / 10)
    error = _estimator("ls", n_pilots=n_pilots).estimate(response, snr, _draw(batch, seed=snr_db)) - response
    expected = 8 / (n_pilots or 8) / snr
    # |error|^2 is exponential, so the mean of n has the relative standard deviation 1/sqrt(n): 4 of them. Rounding in
    # float32 adds at most (1e-6 * 3)^2 to a variance of at least 1e-4.
    bound = 4 / math.sqrt(error.numel())
    assert abs(float(error.abs().square().mean()) / expected - 1) < bound
    assert float(error.mean().abs()) < 4 * math.sqrt(expected / error.numel())


def test_too_few_pilots() -> None:
    with pytest.raises(ChannelInputError, match="n_pilots: got 7, expected at least 8"):
        _estimator("ls", n_pilots=7)
    with pytest.raises(ChannelInputError, match="n_pilots: got 1, expected at least 2"):
        right_inverse(torch.ones(2, 1, dtype=torch.complex64))


def test_singular_pilots() -> None:
    with pytest.raises(ChannelInputError, match="condition number"):
        right_inverse(torch.ones(2, 2, dtype=torch.complex64))


def test_least_squares_is_numpys() -> None:
    generator = torch.Generator().manual_seed(5)
    pilots = torch.randn(4, 7, dtype=torch.complex64, generator=generator)
    received = torch.randn(2, 6, 7, dtype=torch.complex64, generator=generator)
    # H X = Y as X^T H^T = Y^T for NumPy's solver.
    expected = np.linalg.lstsq(pilots.T.numpy(), received.reshape(12, 7).T.numpy(), rcond=None)[0].T.reshape(2, 6, 4)
    # Gaussian 4 x 7 pilots have a condition number of about 5: some tens of float32 roundings.
    np.testing.assert_allclose(received @ right_inverse(pilots), expected, atol=1e-5)


def test_comb_of_spacing_one_is_ls() -> None:
    response = _response(4)
    everywhere = _estimator("ls").estimate(response, 10.0, _draw(4))
    comb = _estimator("ls_comb", spacing=1, interpolation="linear").estimate(response, 10.0, _draw(4))
    torch.testing.assert_close(comb, everywhere, atol=1e-5, rtol=0)


def test_linear_interpolation() -> None:
    """Exact for a response that is linear in frequency, held beyond the last pilot."""
    ramp = (torch.arange(22) * (1 + 2j)).to(torch.complex64)[:, None]
    between = LinearInterpolation(22, 5)(ramp[::5])
    expected = torch.cat([ramp[:21], ramp[20:21]])
    torch.testing.assert_close(between, expected, atol=1e-5, rtol=0)


def _paths_response(n: int, delays: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    """``[batch, n, ports]`` of delays ``[batch, paths]`` in taps and gains ``[batch, paths, ports]``."""
    turns = torch.arange(n, dtype=torch.float64)[:, None] * delays.double()[:, None, :] / n
    return (torch.polar(torch.ones_like(turns), -2 * math.pi * turns) @ gains.to(torch.complex128)).to(torch.complex64)


def _error_db(estimate: torch.Tensor, response: torch.Tensor) -> float:
    error, energy = ((x.abs().double().square().sum((1, 2))) for x in (estimate - response, response))
    return 10 * math.log10(float((error / energy).mean()))


def _noisy_comb(response: torch.Tensor, spacing: int, noise_variance: float) -> torch.Tensor:
    noise = torch.randn(response.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))
    return (response + noise_variance**0.5 * noise)[:, ::spacing]


@pytest.mark.parametrize("noise_variance", [1.0, 0.01])
def test_delay_window_is_the_mmse_estimate(noise_variance: float) -> None:
    """The formula in NumPy, and the error that it predicts, for channels of the longest window's own profile."""
    n, spacing, window, ports, batch = 96, 4, 16, 8, 150
    generator = torch.Generator().manual_seed(2)
    delays = torch.rand(batch, 40, generator=generator) * window - window / 8
    gains = torch.randn(batch, 40, ports, dtype=torch.complex64, generator=generator) / math.sqrt(40)
    response = _paths_response(n, delays, gains)
    pilots = _noisy_comb(response, spacing, noise_variance)
    estimate = DelayWindowInterpolation(n, spacing, window)(pilots, noise_variance)
    difference = (np.arange(n)[:, None] - np.arange(n)[None, ::spacing]) / n
    hypotheses = [(window / 2**halving, 0.0) for halving in range(6)] + [(window, 10.0**-digit) for digit in (1, 2, 3)]
    errors = []
    for taps, outside in hypotheses:
        correlation = np.sinc(difference * taps) * np.exp(-2j * np.pi * difference * taps * 3 / 8) * (1 - outside)
        power = float(pilots[0].abs().square().double().mean()) - noise_variance
        loaded = correlation[::spacing] + (noise_variance / power + outside) * np.eye(n // spacing)
        expected = correlation @ np.linalg.solve(loaded, pilots[0].numpy().astype(complex))
        errors.append(np.abs(estimate[0].numpy() - expected).max())
    # Single precision, and 24 pilots.
    assert min(errors) < 2e-5
    correlation = np.sinc(difference * window) * np.exp(-2j * np.pi * difference * window * 3 / 8)
    filtering = np.linalg.solve(correlation[::spacing] + noise_variance * np.eye(n // spacing), correlation.conj().T)
    predicted = 1 - np.mean(np.real(np.sum(correlation * filtering.T, axis=1)))
    found = float((estimate - response).abs().square().double().mean())
    # At 0 dB the estimated power and the choice among windows have their own cost, at 20 dB these are right. The sum is
    # over 1200 port channels with at least 12 independent coefficients each.
    assert noise_variance == 1 or found == pytest.approx(predicted, rel=4 / math.sqrt(batch * ports * 12))


@pytest.mark.parametrize(("n", "bandwidth_hz"), [(624, 9.36e6), (1024, 20e6)])
def test_delay_window_has_no_floor(n: int, bandwidth_hz: float) -> None:
    """One path off the grid without noise: exact at the pilots, and better than linear at either edge of the band."""
    delays = torch.rand(40, 1, generator=torch.Generator().manual_seed(4)) * 3e-7 * bandwidth_hz
    response = _paths_response(n, delays, torch.ones(40, 1, 1))
    pilots = response[:, ::12]
    estimate, linear = DelayWindowInterpolation(n, 12)(pilots), LinearInterpolation(n, 12)(pilots)
    # Rounding to float32 is at -144 dB, and regularisation at -140 dB.
    assert _error_db(estimate[:, ::12], pilots) < -120
    for part in (slice(0, n // 10), slice(n // 10, -(n // 10)), slice(-(n // 10), None)):
        floor_db = _error_db(linear[:, part], response[:, part])
        assert _error_db(estimate[:, part], response[:, part]) < min(-100, floor_db)


@pytest.mark.parametrize("spread_taps", [0.1, 1, 3, 8, 30])
def test_delay_window_is_never_worse_than_linear(spread_taps: float) -> None:
    """Exponential profiles from flat to far beyond the unambiguous range of 42 taps, all SNRs."""
    n, generator = 504, torch.Generator().manual_seed(5)
    delays = -spread_taps * torch.rand(40, 30, generator=generator).log()
    gains = torch.randn(40, 30, 4, dtype=torch.complex64, generator=generator) / math.sqrt(30)
    response = _paths_response(n, delays, gains)
    mmse, linear = DelayWindowInterpolation(n, 12), LinearInterpolation(n, 12)
    for snr_db in range(-10, 50, 10):
        noise_variance = 10 ** (-snr_db / 10)
        pilots = _noisy_comb(response, 12, noise_variance)
        assert _error_db(mmse(pilots, noise_variance), response) < _error_db(linear(pilots), response)


@pytest.mark.parametrize("power", [0.0, 1e-12, 1e6])
def test_delay_window_at_any_power(power: float) -> None:
    response = _response(3) * math.sqrt(power)
    estimate = DelayWindowInterpolation(48, 4)(response[:, ::4], 1e-20)
    assert torch.isfinite(torch.view_as_real(estimate)).all()
    assert (estimate == 0).all() == (power == 0)


def test_delay_window_of_one_link_alone() -> None:
    pilots = _noisy_comb(_response(5), 4, 0.1)
    interpolate = DelayWindowInterpolation(48, 4)
    assert torch.equal(interpolate(pilots[3:4], 0.1), interpolate(pilots, 0.1)[3:4])


def test_more_pilots_than_the_delay_window_takes() -> None:
    with pytest.raises(ChannelInputError, match="interpolation: got 4096 pilot subcarriers, expected at most 2048"):
        DelayWindowInterpolation(8192, 2)


def test_delay_window_beyond_the_unambiguous_range() -> None:
    with pytest.raises(ChannelInputError, match="window: got 25 taps, expected at most 24"):
        DelayWindowInterpolation(96, 4, 25)


def test_against_sionna() -> None:
    """Same observations, same estimates as Sionna's LS estimator with its Kronecker pilots, and linear in between."""
    grid = ResourceGrid(
        num_ofdm_symbols=4,
        fft_size=GRID.n_subcarriers,
        subcarrier_spacing=30e3,
        num_tx=1,
        num_streams_per_tx=4,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[2],
        device="cpu",
    )
    received = torch.randn(5, 1, 1, 4, 48, dtype=torch.complex64, generator=torch.Generator().manual_seed(4))
    theirs, error_variance = LSChannelEstimator(grid, interpolation_type="lin", device="cpu")(
        received, torch.tensor(0.1)
    )
    theirs = theirs[:, 0, 0, 0, :, 2]
    pilots = grid.pilot_pattern.pilots[0]
    for stream in range(4):
        # In the pilot symbol, stream m sends on the subcarriers m, m + 4, ...
        on = slice(stream, None, 4)
        estimates = [
            received[:, 0, 0, 2, k, None, None] @ right_inverse(pilots[stream, k].reshape(1, 1))
            for k in range(stream, 48, 4)
        ]
        ours = torch.cat(estimates, dim=1)
        # Single divisions in float32.
        torch.testing.assert_close(ours[..., 0], theirs[:, stream, on], rtol=1e-5, atol=1e-6)
        # The error variance of one pilot of power p and noise variance 0.1 is 0.1 / p.
        power = pilots[stream, on].abs().square()
        torch.testing.assert_close(error_variance[0, 0, 0, 0, stream, 2, on], 0.1 / power, rtol=1e-5, atol=0)
        between = LinearInterpolation(48 - stream, 4)(ours)[..., 0]
        last = 44 + stream
        torch.testing.assert_close(
            between[:, : last + 1 - stream], theirs[:, stream, stream : last + 1], rtol=1e-4, atol=1e-5
        )
