"""Prediction errors against their closed forms, on processes whose statistics are known."""

import math

import numpy as np
import pytest
import torch
from scipy.special import j0
from torch import Tensor

from feedback.predictor import Predictor, ReportHistory
from feedback.predictors.ar import Ar, ArParameters
from feedback.predictors.hold import Hold, HoldParameters
from feedback.predictors.kalman import Kalman, KalmanParameters
from feedback.predictors.linear_prediction import at_delay

# Roots 0.95 exp(0.5j) and 0.8 exp(-0.2j) of a damped process of order 2.
ROOTS = (0.95 * np.exp(0.5j), 0.8 * np.exp(-0.2j))
A1, A2 = ROOTS[0] + ROOTS[1], -ROOTS[0] * ROOTS[1]


def noise(shape: tuple[int, ...], seed: int) -> Tensor:
    """Circular Gaussian, variance 1."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.complex128)


def autoregressive(n_times: int, n: int, seed: int, batch: int = 8) -> Tensor:
    """``[batch, n_times, n]`` of the process above with innovations of variance 1, once it is stationary."""
    innovations = noise((n_times + 200, batch, n), seed)
    values = [torch.zeros_like(innovations[0])] * 2
    for innovation in innovations:
        values.append(A1 * values[-1] + A2 * values[-2] + innovation)
    return torch.stack(values[-n_times:], dim=1)


def history(reports: Tensor, delay: float, erased: Tensor | None = None) -> ReportHistory:
    """Reports ``[batch, n_reports, n]`` one period apart, the delay in periods."""
    csi = reports[:, :, None].to(torch.complex64)
    lost = torch.zeros(csi.shape[:2], dtype=torch.bool) if erased is None else erased
    return ReportHistory(csi.masked_fill(lost[:, :, None, None], 0), lost, csi[0, 0] * 0, 1.0, delay)


def error(predictor: Predictor, past: ReportHistory, truth: Tensor) -> float:
    difference = predictor.predict(past)[:, 0] - truth
    return float(torch.view_as_real(difference).square().sum(-1).mean())


def ar(**parameters: float) -> Ar:
    return Ar(ArParameters(**parameters))


def kalman(**parameters: float) -> Kalman:
    return Kalman(KalmanParameters(**parameters))


HOLD = Hold(HoldParameters())


def test_ar_reaches_the_innovation_variance() -> None:
    track = autoregressive(53, 1000, seed=1)
    past = track[:, :50]
    # Impulse response of the process: the error of k steps is the sum of the first k squared moduli.
    response = [1.0, A1, A1 * A1 + A2]
    for steps in (1, 2, 3):
        expected = float(sum(abs(value) ** 2 for value in response[:steps]))
        found = error(ar(pooling=1e9), history(past, steps), track[:, 49 + steps])
        # 8000 squared moduli: relative deviation 1 / sqrt(8000) = 1.1 %, of which 4; the fit's 2 / 48000 is nothing.
        assert found == pytest.approx(expected, rel=0.045), steps
    # Left to itself, an entry pays for its two coefficients about 2 / 48 of the error; the bound allows twice that.
    own = error(ar(pooling=0), history(past, 1), track[:, 50])
    assert 1 - 0.045 < own < 1 + 2 * 2 / 48 + 0.045


def test_a_lost_report_costs_one_more_step() -> None:
    track = autoregressive(52, 1000, seed=2)
    lost = torch.zeros(8, 51, dtype=torch.bool)
    lost[:, -1] = True
    found = error(ar(pooling=1e9), history(track[:, :51], 1, lost), track[:, 51])
    # As two steps from the report before; tolerance as above.
    assert found == pytest.approx(1 + abs(A1) ** 2, rel=0.045)
    assert found < error(HOLD, history(track[:, :51], 1, lost), track[:, 51])


@pytest.mark.parametrize("noise_to_signal", [0.01, 0.1, 1.0])
def test_kalman_disregards_entries_that_hold_nothing_but_errors(noise_to_signal: float) -> None:
    n_full = 100
    track = autoregressive(7, 1000, seed=5)
    track[:, :, n_full:] = 0
    power = float(track[:, :, :n_full].abs().square().mean())
    observed = track[:, :6] + noise((8, 6, 1000), seed=6) * (noise_to_signal * power) ** 0.5
    past, truth = history(observed, 1), track[:, 6]
    filtered, predicted, held = (error(predictor, past, truth) for predictor in (kalman(), ar(), HOLD))
    # Mean squared errors of the same 8000 entries, each of its own process, so a tenth is far beyond chance.
    assert filtered < 0.9 * predicted < 0.9 * 0.6 * held
    # Held, they would keep the whole power of the errors.
    left = kalman().predict(past)[:, 0, n_full:].abs().square().mean()
    assert float(left) < 0.1 * noise_to_signal * power


def clarke(times: Tensor, n: int, seed: int, batch: int = 4) -> Tensor:
    """Clarke's channel at Doppler 1: 60 waves from random directions, ``[batch, n_times, n]``, power 1."""
    generator = torch.Generator().manual_seed(seed)
    angle, phase = 2 * math.pi * torch.rand(2, batch, n, 60, generator=generator, dtype=torch.float64)
    out = [torch.exp(1j * (2 * math.pi * float(t) * angle.cos() + phase)).sum(-1) for t in times]
    return torch.stack(out, dim=1) / 60**0.5


@pytest.mark.parametrize("doppler_period", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("delay", [0.5, 1.0, 1.5])
def test_predictors_beat_holding_on_clarkes_channel(doppler_period: float, delay: float) -> None:
    times = torch.tensor([*range(-7, 1), delay]) * doppler_period
    track = clarke(times, 400, seed=7)
    past, truth = history(track[:, :8], delay), track[:, 8]
    held = error(HOLD, past, truth)
    # Closed form of holding; 1600 entries whose squared errors are exponential: 2.5 %, of which 4.
    assert held == pytest.approx(2 - 2 * j0(2 * math.pi * doppler_period * delay), rel=0.1)
    for predictor in (ar(), ar(pooling=100), kalman()):
        assert error(predictor, past, truth) < 0.5 * held


def test_pooled_ar_is_the_wiener_predictor_of_clarkes_channel() -> None:
    doppler_period, n_reports = 0.2, 20
    times = torch.arange(n_reports + 1) * doppler_period
    track = clarke(times, 2000, seed=8)
    lags = j0(2 * math.pi * doppler_period * np.arange(3))
    covariance = np.array([[lags[0], lags[1]], [lags[1], lags[0]]])
    least = float(1 - lags[1:] @ np.linalg.solve(covariance, lags[1:]))
    found = error(ar(pooling=1e9), history(track[:, :-1], 1), track[:, -1])
    # 8000 squared moduli, 4 deviations as above.
    assert found == pytest.approx(least, rel=0.045)


@pytest.mark.parametrize("turn", [0.1, 0.5, 1.0])
def test_the_cubic_between_whole_periods_is_as_exact_as_it_says(turn: float) -> None:
    steps = {step: torch.polar(torch.ones(1, 1), torch.full((1, 1), turn * step)) for step in range(-1, 6)}
    coming = [steps[i] for i in range(1, 6)]
    for periods in (0.0, 1.0, 3.0):
        assert torch.equal(at_delay(steps[-1], steps[0], coming, periods), steps[round(periods)])
    for periods in (0.2, 0.5, 1.7, 2.5):
        exact = torch.polar(torch.ones(1, 1), torch.full((1, 1), turn * periods))
        # Remainder of a cubic; complex values may have it in both parts, and float32 rounds by 1e-7.
        bound = 2**0.5 * 3 * turn**4 / 128 + 1e-6
        assert float((at_delay(steps[-1], steps[0], coming, periods) - exact).abs()) < bound


def wiener_error(doppler_period: float, n_reports: int, noise_to_signal: float, delay: float = 1.0) -> float:
    """Error of the best linear estimate from reports when the Bessel autocorrelation is known."""
    lags = np.abs(np.subtract.outer(np.arange(n_reports), np.arange(n_reports)))
    covariance = j0(2 * math.pi * doppler_period * lags) + noise_to_signal * np.eye(n_reports)
    cross = j0(2 * math.pi * doppler_period * (delay + np.arange(n_reports)))
    return float(1 - cross @ np.linalg.solve(covariance, cross))


def against_ar(doppler_period: float, n_reports: int, noise_to_signal: float, batch: int) -> tuple[float, float, float]:
    """Errors of ``kalman`` and of ``ar``, and half the paired 95 % interval of their difference, one period ahead."""
    times = torch.arange(n_reports + 1) * doppler_period
    track = clarke(times, 64, seed=9, batch=batch)
    observed = track[:, :-1] + noise((batch, n_reports, 64), seed=10) * noise_to_signal**0.5
    past = history(observed, 1)
    of_kalman, of_ar = (
        (predictor.predict(past)[:, 0] - track[:, -1]).abs().square().double().mean(1) for predictor in (kalman(), ar())
    )
    half_width = 1.96 * float((of_kalman - of_ar).std()) / batch**0.5
    return float(of_kalman.mean()), float(of_ar.mean()), half_width


@pytest.mark.parametrize(
    ("doppler_period", "n_reports", "noise_to_signal"),
    [(0.01, 12, 0.01), (0.05, 4, 0.01), (0.05, 6, 0.01), (0.05, 12, 0.01), (0.1, 12, 0.1), (0.3, 6, 0.001)],
)
def test_kalman_comes_close_to_the_wiener_predictor_and_beats_ar(
    doppler_period: float, n_reports: int, noise_to_signal: float
) -> None:
    of_kalman, of_ar, half_width = against_ar(doppler_period, n_reports, noise_to_signal, batch=6)
    assert of_kalman <= of_ar + half_width
    # The spectrum is learnt from the 64 entries of one UE: within 1.5 dB, and 3 dB of so few as 4 lags; not beyond the
    # optimum by more than 4 deviations of 384 squared moduli, 1 dB.
    least = wiener_error(doppler_period, n_reports, noise_to_signal)
    assert 10 ** (-0.1) * least < of_kalman < 10 ** (0.3 if n_reports == 4 else 0.15) * least


def test_more_reports_do_not_make_kalman_worse() -> None:
    errors = [against_ar(0.05, n_reports, 0.01, batch=6)[0] for n_reports in (4, 6, 12)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("n_reports", [8, 32])
@pytest.mark.parametrize("pooling", [0.0, 1.0])
def test_kalman_continues_an_oscillation_without_errors(n_reports: int, pooling: float) -> None:
    turn = 2 * math.pi * 0.03
    steps = torch.arange(n_reports + 1, dtype=torch.float64)
    track = torch.polar(torch.ones(4, 1, dtype=torch.float64), turn * steps).T[None] * noise((1, 1, 4), seed=5)
    found = kalman(pooling=pooling).predict(history(track[:, :-1], delay=1))[:, 0]
    # Reports are complex64, so that an error of 1e-7 of the power cannot be told from none; its root bounds the answer.
    assert float((found - track[:, -1]).norm() / track[:, -1].norm()) < math.sqrt(1e-7)


@pytest.mark.parametrize("delay", [0.5, 1.5])
def test_kalman_knows_the_channel_between_reports(delay: float) -> None:
    times = torch.tensor([*range(-7, 1), delay]) * 0.1
    track = clarke(times, 400, seed=11)
    observed = track[:, :8] + noise((4, 8, 400), seed=12) * 0.1
    found = error(kalman(), history(observed, delay), track[:, 8])
    # 1600 entries and what the spectrum of each UE misses: 1 dB.
    assert found == pytest.approx(wiener_error(0.1, 8, 0.01, delay), rel=0.25)
