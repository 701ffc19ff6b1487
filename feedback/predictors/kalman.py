"""Kalman filtering of every entry of the angular-delay matrix, as a sum of oscillators with a Doppler spectrum."""

import torch
from torch import Tensor

from feedback.predictor import PREDICTORS, Predictor, ReportHistory
from feedback.predictors.doppler_spectrum import (
    CommonCovariance,
    at_time,
    common_spectrum,
    frequencies,
    powers_and_error,
)
from feedback.predictors.linear_prediction import within_reach
from feedback.predictors.parameters.kalman import KalmanParameters


@PREDICTORS.register("kalman")
class Kalman(Predictor):
    r"""Kalman filter of oscillators: :math:`z_t = \mathrm{diag}(e^{2 \pi j f_g}) z_{t-1}`, :math:`y_t = 1^T z_t + v_t`.

    The state of an entry are the oscillators that it is the sum of; no noise drives them, as their amplitudes are
    random. What the filter holds after the newest report is the conditional mean of the state given all of them, which
    is computed at once, for any delay. The variances of the amplitudes, a Doppler spectrum, and that of the reports'
    errors are those of greatest likelihood over the UE's entries; ``pooling`` weighs that common spectrum against an
    entry's own (``feedback.predictors.doppler_spectrum``). Fitted coefficients of an autoregressive model would take
    the error of the reports for a property of the channel.

    A lost report is a step without an observation; where too few arrived, the last good one is held.
    """

    Parameters = KalmanParameters
    parameters: KalmanParameters

    def predict(self, history: ReportHistory) -> Tensor:
        """The channel ``delay_s`` after the newest report, ``[batch, Na, Nt]``, complex64."""
        reports = history.csi.flatten(2).to(torch.complex128)
        n_reports = reports.shape[1]
        grid = frequencies(n_reports).to(reports.device)
        shares, error = common_spectrum(reports, history.erased, grid)
        arrived = (~history.erased).to(torch.float64)
        common = CommonCovariance.of(shares, arrived, grid)
        powers, error = powers_and_error(reports, arrived, common, error)
        own, time = 1 / (1 + self.parameters.pooling), n_reports - 1 + history.delay_s / history.period_s
        predicted = torch.zeros_like(reports[:, 0])
        for i in range(len(reports)):
            covariance = CommonCovariance(common.values[i], common.vectors[i])
            predicted[i] = at_time(reports[i], arrived[i], grid, shares[i], powers[i], covariance, error[i], own, time)
        predicted = within_reach(predicted, reports).to(history.csi.dtype).unflatten(1, history.csi.shape[2:])
        enough = arrived.sum(1) > 1
        return torch.where(enough[:, None, None], predicted, history.last_good)
