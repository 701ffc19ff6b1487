"""LMMSE estimation against its closed forms, and denoising in the delay domain against the noise that it leaves."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.estimator import ESTIMATORS, Estimator, NormalDraw
from channels.training_moments import TrainingMoments

N, RX, TX = 24, 2, 3
PORTS = RX * TX
GRID, ARRAY = OfdmGrid(N, 20e6, 28e9), ArrayShape(1, 1, TX, n_rx=RX)


def _made(name: str, **parameters: object) -> Estimator:
    plugin = ESTIMATORS.get_class(name)
    return plugin(plugin.Parameters(**parameters), GRID, ARRAY)


def _draw(batch: int, seed: int = 0) -> NormalDraw:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(batch, *shape, generator=generator)


def _root(covariance: NDArray[np.complex128]) -> NDArray[np.complex128]:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0))


def _known_covariances() -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Over subcarriers, of an exponential profile of 3 taps, and over the ports of both UE antennas, of mean 1."""
    difference = np.subtract.outer(np.arange(N), np.arange(N))
    frequency = 1 / (1 + 2j * np.pi * 3 * difference / N)
    random = np.random.default_rng(1).normal(size=(2, PORTS, PORTS))
    mixing = (random[0] + 1j * random[1]) * 3.0 ** -np.arange(PORTS)
    ports = mixing @ mixing.conj().T
    return frequency, ports * PORTS / np.trace(ports).real


FREQUENCY, OVER_PORTS = _known_covariances()
MEAN = 0.3 * np.exp(0.2j * np.arange(N * PORTS)).reshape(N, PORTS)


def _exact_set() -> torch.Tensor:
    """Channels whose sample mean and covariance are the known ones: every pair of eigenvectors, with both signs."""
    delays, angles = _root(FREQUENCY), _root(OVER_PORTS)
    pairs = np.einsum("ki,mj->ijkm", delays, angles).reshape(-1, N, PORTS) * math.sqrt(N * PORTS)
    return torch.from_numpy(np.concatenate([MEAN + pairs, MEAN - pairs])).to(torch.complex64)


def _gaussian(batch: int) -> torch.Tensor:
    drawn = np.random.default_rng(5).normal(size=(2, batch, N, PORTS)) / math.sqrt(2)
    channels = MEAN + _root(FREQUENCY) @ (drawn[0] + 1j * drawn[1]) @ _root(OVER_PORTS).T
    return torch.from_numpy(channels).to(torch.complex64)


def _fitted(spacing: int, channels: torch.Tensor | None = None) -> Estimator:
    estimator = _made("lmmse", spacing=spacing)
    estimator.fit(TrainingMoments.of(_exact_set() if channels is None else channels, spacing))
    return estimator


def _dense(spacing: int, variance: float) -> tuple[NDArray[np.complex128], float]:
    """The filter ``[N PORTS, N_p PORTS]`` of the full covariance, and the mean error of an entry that it leaves."""
    full = np.kron(FREQUENCY, OVER_PORTS)
    pilots = np.arange(N * PORTS).reshape(N, PORTS)[::spacing].ravel()
    loaded = full[np.ix_(pilots, pilots)] + variance * np.eye(len(pilots))
    filtering = np.linalg.solve(loaded, full[pilots]).conj().T
    return filtering, float(np.trace(full - filtering @ full[pilots]).real) / (N * PORTS)


@pytest.mark.parametrize("spacing", [1, 4, 5])
@pytest.mark.parametrize("snr_db", [-10, 0, 20])
def test_lmmse_is_the_dense_filter_and_reaches_its_bound(spacing: int, snr_db: int) -> None:
    """tr(C - C_hp (C_pp + s^2 I)^-1 C_ph), for a Gaussian source of a known covariance, two UE antennas."""
    estimator, variance, batch = _fitted(spacing), 10 ** (-snr_db / 10), 400
    assert estimator.pilot_error_variance(10 ** (snr_db / 10)) == pytest.approx(variance)
    filtering, bound = _dense(spacing, variance)
    channels = _gaussian(batch)
    estimate = estimator.estimate(channels, 1 / variance, _draw(batch))
    pilots = channels[:, ::spacing] + math.sqrt(variance) * torch.randn(
        channels[:, ::spacing].shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(2)
    )
    ours = estimator.from_comb(pilots, variance)  # type: ignore[attr-defined]
    deviation = (pilots.numpy() - MEAN[::spacing]).reshape(batch, -1)
    expected = MEAN + (deviation @ filtering.T).reshape(batch, N, PORTS)
    # Complex64 products over 24 subcarriers and 6 ports, of entries of some units.
    np.testing.assert_allclose(ours, expected, atol=2e-4)
    # The mean over independent channels of an error that spreads by at most its own size, as it has at least one
    # degree of freedom: four standard deviations.
    errors = (estimate - channels).abs().square().double().mean((1, 2))
    assert float(errors.mean()) == pytest.approx(bound, abs=4 * float(errors.std()) / math.sqrt(batch))
    assert float(errors.std()) < bound


def test_statistics_of_samples_come_close_to_the_bound() -> None:
    """Of 600 channels: a filter of estimated powers is off by 1/600 in their square, far below a tenth of a dB."""
    training, tested = _gaussian(1000)[:600], _gaussian(1000)[600:]
    learnt, known = (
        estimator.estimate(tested, 10.0, _draw(400)) - tested for estimator in (_fitted(4, training), _fitted(4))
    )
    ratio = float(learnt.abs().square().double().mean() / known.abs().square().double().mean())
    assert 1 - 1e-3 < ratio < 10**0.01


@pytest.mark.parametrize("snr_db", range(-20, 50, 10))
def test_lmmse_is_never_worse_than_ls_in_the_mean(snr_db: int) -> None:
    """On the training statistics, also those of no separable covariance: two kinds of channel in turns."""
    first, second = _gaussian(60), _gaussian(60).flip(2) * torch.linspace(0, 2, PORTS)
    channels, variance = torch.cat([first, second]), 10 ** (-snr_db / 10)
    estimator = _fitted(1, channels)
    # Expected error over the noise: that of the filter without noise, and the noise that passes it.
    bias = estimator.from_comb(channels, variance) - channels  # type: ignore[attr-defined]
    learnt = estimator.state()
    power = learnt["power"]
    passed = variance * float((power / (power + variance)).square().sum()) / (N * PORTS)
    total = float(bias.abs().square().double().mean()) + passed
    # Single precision; least squares has the variance of the noise.
    assert total < variance * (1 + 1e-5) + 1e-10


def test_high_and_zero_snr() -> None:
    channels, estimator = _gaussian(3), _fitted(1)
    for snr in (1e20, math.inf):
        estimate = estimator.estimate(channels, snr, _draw(3))
        # Single precision over 24 subcarriers.
        assert float((estimate - channels).abs().max()) < 1e-4
    nothing = estimator.estimate(channels, 1e-20, _draw(3))
    # Weights of 1e-20 times noise of 1e10.
    np.testing.assert_allclose(nothing, np.broadcast_to(MEAN, channels.shape), atol=1e-5)


def test_parts_of_a_training_set_add_up() -> None:
    channels = _gaussian(50)
    parts = TrainingMoments.of(channels[:20], 4) + TrainingMoments.of(channels[20:20], 4)
    parts = parts + TrainingMoments.of(channels[20:], 4)
    whole = TrainingMoments.of(channels, 4)
    assert parts.n == whole.n == 50
    np.testing.assert_array_equal(parts.pilots, channels[:, ::4])
    for name in ("total", "across_subcarriers", "across_ports"):
        # Sums of 50 numbers in another order, in double precision.
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-10)
    flat = channels[:, ::4].to(torch.complex128).numpy().reshape(-1, PORTS)
    np.testing.assert_allclose(whole.across_ports, flat.T @ flat.conj(), rtol=1e-12)


def test_channels_without_power_get_the_mean() -> None:
    estimator = _fitted(4, torch.zeros(5, N, PORTS, dtype=torch.complex64))
    for snr in (1.0, math.inf):
        assert not estimator.estimate(_gaussian(2), snr, _draw(2)).any()


def test_nothing_learnt() -> None:
    with pytest.raises(ValueError, match="nothing learnt yet"):
        _made("lmmse").estimate(_gaussian(1), 1.0, _draw(1))
    with pytest.raises(ChannelInputError, match="got no train channels"):
        _fitted(4, _gaussian(1)[:0])


@pytest.mark.parametrize("name", ["mean", "analysis", "synthesis", "angles", "power"])
def test_damaged_statistics_are_refused_in_one_line(name: str) -> None:
    state = _fitted(4).state()
    for damaged in (state | {name: state[name][:, :1]}, {key: state[key] for key in state if key != name}):
        with pytest.raises(ChannelInputError, match=r"estimator lmmse: \w+: got shape"):
            _made("lmmse", spacing=4).load_state(damaged)
    with pytest.raises(ChannelInputError, match="no statistics"):
        _made("lmmse", spacing=4).load_state(state | {name: state[name] * math.nan})


@pytest.mark.parametrize(
    ("grid", "array", "line"),
    [
        (OfdmGrid(4096, 20e6, 28e9), ArrayShape(), "estimation: got 4096 pilot subcarriers, expected at most 2048"),
        (OfdmGrid(64, 20e6, 28e9), ArrayShape(n_columns=4096), "estimation: got 4096 ports, expected at most 2048"),
        (OfdmGrid(2048, 20e6, 28e9), ArrayShape(n_columns=512), "spacing: got 2048 pilot subcarriers of 2048 at 512 p"),
    ],
)
def test_memory_is_checked_before(grid: OfdmGrid, array: ArrayShape, line: str) -> None:
    with pytest.raises(ChannelInputError, match=line):
        ESTIMATORS.parameters("lmmse")(spacing=1).check(grid, array)


def test_fewer_training_channels_where_they_are_large() -> None:
    parameters = ESTIMATORS.parameters("lmmse")(spacing=1)
    assert parameters.n_training(GRID, ARRAY) == 1000
    # 2**28 bytes over 8 a pilot.
    assert parameters.n_training(OfdmGrid(1024, 20e6, 28e9), ArrayShape(n_columns=128)) == 256


@pytest.mark.parametrize(("window", "n_taps"), [(4, 4), (None, 9)])
def test_dft_denoising_leaves_the_noise_of_its_taps(window: int | None, n_taps: int) -> None:
    """Paths on whole taps inside the window: no bias, and of the noise n_taps / 12, on all subcarriers."""
    batch, variance = 300, 0.1
    estimator = _made("dft_denoising", spacing=2, window=window, threshold_db=None)
    taps = torch.randn(batch, 3, PORTS, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    turns = torch.outer(torch.arange(N), torch.arange(3)) / N
    channels = torch.polar(torch.ones(N, 3), -2 * math.pi * turns) @ taps
    without_noise = estimator.estimate(channels, math.inf, _draw(batch))
    # Single precision, 12 pilots.
    assert float((without_noise - channels).abs().max()) < 1e-4
    error = (estimator.estimate(channels, 1 / variance, _draw(batch)) - channels).abs().square().double().mean(1)
    expected = variance * n_taps / 12
    # A sum over n_taps independent exponential variables for each of the ports: four standard deviations.
    assert float(error.mean()) == pytest.approx(expected, rel=4 / math.sqrt(batch * PORTS * n_taps))


def test_taps_that_drown_in_noise_are_left_out() -> None:
    """One path, at 30 dB: of the noise one tap is left."""
    batch, variance = 200, 1e-3
    channels = torch.ones(1, 1, PORTS, dtype=torch.complex64).expand(batch, N, PORTS).contiguous()
    estimate = _made("dft_denoising", spacing=2, threshold_db=6).estimate(channels, 1 / variance, _draw(batch))
    error = (estimate - channels).abs().square().double().mean()
    # The noise of a tap, summed over 6 ports, exceeds 4 times its mean with e^-24 sum_{k<6} 24^k / k! = 3e-6.
    assert float(error) == pytest.approx(variance / 12, rel=4 / math.sqrt(batch * PORTS))


def test_the_strongest_tap_stays_where_all_drown() -> None:
    estimate = _made("dft_denoising", spacing=2, threshold_db=60).estimate(_gaussian(2), 1.0, _draw(2))
    moduli = estimate.abs()
    torch.testing.assert_close(moduli, moduli[:, :1].expand_as(moduli), rtol=1e-5, atol=1e-6)
    assert bool((moduli > 0).all())


def test_a_window_of_more_taps_than_pilots() -> None:
    with pytest.raises(ChannelInputError, match="window: got 7 taps, expected at most 6"):
        _made("dft_denoising", spacing=4, window=7).parameters.check(GRID, ARRAY)
