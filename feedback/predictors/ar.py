"""Linear prediction of every entry of the angular-delay matrix from its own past."""

import torch
from torch import Tensor

from feedback.predictor import PREDICTORS, Predictor, ReportHistory
from feedback.predictors.linear_prediction import (
    at_delay,
    can_predict,
    fill_lost,
    fit_coefficients,
    next_value,
    steps_to,
    within_reach,
)
from feedback.predictors.parameters.ar import ArParameters


@PREDICTORS.register("ar")
class Ar(Predictor):
    r"""Autoregressive prediction; coefficients are fitted to the UE's own reports as the BS rebuilt them.

    .. math:: \hat x_{t+1} = \sum_{i=1}^p a_i x_{t+1-i}

    repeated for as many periods as the delay takes, with a cubic between whole periods. The fit is that of
    ``fit_coefficients``, so that nothing has to be known of speed, Doppler spectrum or noise. A lost report is
    replaced by its prediction; where too few arrived for a fit, the last good one is held.
    """

    Parameters = ArParameters
    parameters: ArParameters

    def predict(self, history: ReportHistory) -> Tensor:
        """The channel ``delay_s`` after the newest report, ``[batch, Na, Nt]``, complex64."""
        order = self.parameters.order
        reports = history.csi.flatten(2).to(torch.complex128)
        coefficients = fit_coefficients(reports, history.erased, order, self.parameters.pooling)
        filled = fill_lost(reports, history.erased, coefficients)
        periods = history.delay_s / history.period_s
        track = list(filled.unbind(1))
        for _ in range(steps_to(periods)):
            track.append(next_value(track, coefficients))
        n_reports = filled.shape[1]
        predicted = at_delay(filled[:, -2], filled[:, -1], track[n_reports:], periods)
        predicted = within_reach(predicted, reports).to(history.csi.dtype).unflatten(1, history.csi.shape[2:])
        fitted = can_predict(history.erased, order)[:, None, None]
        return torch.where(fitted, predicted, history.last_good)
