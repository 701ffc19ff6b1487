"""Kalman against autoregressive prediction on Clarke's channel, over Doppler, history and error of the reports."""

import pytest

from tests.feedback.test_linear_prediction import against_ar, wiener_error


@pytest.mark.validate
@pytest.mark.parametrize("doppler_period", [0.01, 0.02, 0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("n_reports", [4, 6, 8, 12, 20, 32])
@pytest.mark.parametrize("noise_to_signal", [0.001, 0.01, 0.1])
def test_kalman_is_never_worse_than_ar(doppler_period: float, n_reports: int, noise_to_signal: float) -> None:
    of_kalman, of_ar, half_width = against_ar(doppler_period, n_reports, noise_to_signal, batch=30)
    assert of_kalman <= of_ar + half_width
    # 64 entries of a UE, 4 to 32 reports each, tell the spectrum well enough for 3 dB of the optimum that knows it.
    assert of_kalman < 10**0.3 * wiener_error(doppler_period, n_reports, noise_to_signal)
