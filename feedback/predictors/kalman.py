"""Kalman filtering of every entry of the angular-delay matrix with an autoregressive model of its fading."""

from typing import Literal

import torch
from torch import Tensor

from feedback.kalman_filter import KalmanFilter
from feedback.linear_prediction import (
    LinearPredictorParameters,
    at_delay,
    can_predict,
    fit_coefficients,
    report_error,
    residual_power,
    squared_modulus,
    steps_to,
    within_reach,
)
from feedback.predictor import PREDICTORS, Predictor, ReportHistory

# Least relative error that a report is taken to have.
_EXACT = 1e-10


class KalmanParameters(LinearPredictorParameters):
    """Parameters of ``kalman``."""

    name: Literal["kalman"] = "kalman"


@PREDICTORS.register("kalman")
class Kalman(Predictor):
    r"""Kalman filter of :math:`x_t = \sum_i a_i x_{t-i} + w_t`, observed as :math:`y_t = x_t + v_t`, entry by entry.

    Coefficients are those of ``ar``. Of the power that they leave of an entry's history,
    :math:`\sigma^2 (1 + \lVert a_e \rVert^2)` comes from the error of the reports, whose variance :math:`\sigma^2` is
    that of ``report_error``; the rest is the variance of :math:`w`. It gains on ``ar`` where reports are noisy and few.

    A lost report is a step without an observation; where too few arrived for a fit, the last good one is held.
    """

    titles = ("Kalman",)
    Parameters = KalmanParameters
    parameters: KalmanParameters

    def predict(self, history: ReportHistory) -> Tensor:
        """The channel ``delay_s`` after the newest report, ``[batch, Na, Nt]``, complex64."""
        order = self.parameters.order
        reports = history.csi.flatten(2).to(torch.complex128)
        coefficients = fit_coefficients(reports, history.erased, order, self.parameters.pooling)
        left = residual_power(reports, history.erased, coefficients)
        gain = 1 + squared_modulus(coefficients).sum(0)
        error = report_error(reports, history.erased, coefficients)
        arrived = (~history.erased).sum(1)[:, None].clamp(min=1)
        received = squared_modulus(reports).sum(1) / arrived
        # Reports are float32; a filter that took them for exact would end in its own rounding.
        error = torch.maximum(error, _EXACT * received)
        power = (received - error).clamp(min=0)
        kalman = KalmanFilter(coefficients, (left - gain * error).clamp(min=0), error, power)
        before = now = torch.zeros_like(reports[:, 0])
        for report, lost in zip(reports.unbind(1), history.erased.unbind(1), strict=True):
            kalman.observe(report, lost)
            before, now = now, kalman.estimate
        periods = history.delay_s / history.period_s
        coming = []
        for _ in range(steps_to(periods)):
            kalman.advance()
            coming.append(kalman.estimate)
        predicted = within_reach(at_delay(before, now, coming, periods), reports)
        predicted = predicted.to(history.csi.dtype).unflatten(1, history.csi.shape[2:])
        fitted = can_predict(history.erased, order)[:, None, None]
        return torch.where(fitted, predicted, history.last_good)
