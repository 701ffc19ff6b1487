"""The Kalman filter of an autoregressive process observed with white noise, for many processes at once."""

import torch
from torch import Tensor


class KalmanFilter:
    r"""Best linear estimate of :math:`x_t = \sum_{i=1}^p a_i x_{t-i} + w_t` from :math:`y_s = x_s + v_s, s \le t`.

    The state is :math:`s_t = (x_t, \dots, x_{t-p+1})` with the companion matrix ``F`` of the coefficients,

    .. math:: s_{t|t-1} = F s_{t-1|t-1}, \qquad P_{t|t-1} = F P_{t-1|t-1} F^H + \sigma_w^2 e_1 e_1^T

    .. math:: k = P_{t|t-1} e_1 / (e_1^T P_{t|t-1} e_1 + \sigma_v^2), \qquad
        s_{t|t} = s_{t|t-1} + k (y_t - e_1^T s_{t|t-1}), \qquad P_{t|t} = (I - k e_1^T) P_{t|t-1}

    Before the first observation the state is 0 with the covariance :math:`\sigma_x^2 I`.

    Args:
        coefficients: :math:`a_1, \dots, a_p` of each process, ``[p, batch, n]``, complex128.
        process_noise: variance :math:`\sigma_w^2`, ``[batch, n]``, float64.
        measurement_noise: variance :math:`\sigma_v^2`, ``[batch, n]`` or ``[batch, 1]``, float64.
        power: variance :math:`\sigma_x^2`, ``[batch, n]``, float64.
    """

    def __init__(self, coefficients: Tensor, process_noise: Tensor, measurement_noise: Tensor, power: Tensor) -> None:
        identity = torch.eye(len(coefficients), dtype=coefficients.dtype, device=coefficients.device)
        self._coefficients = coefficients
        self._process_noise = process_noise
        self._measurement_noise = measurement_noise
        self._state = torch.zeros_like(coefficients)
        # ``[p, p, batch, n]``, so that sums over the small dimensions run over whole planes.
        self._covariance = identity[:, :, None, None] * power
        self._started = False

    @property
    def estimate(self) -> Tensor:
        """The present value of each process, ``[batch, n]``, complex128."""
        return self._state[0]

    @property
    def variance(self) -> Tensor:
        """Variance of the estimate's error by the model, ``[batch, n]``, float64."""
        return self._covariance[0, 0].real

    def observe(self, observation: Tensor, lost: Tensor) -> None:
        """Advances to the next observation ``[batch, n]`` and takes it in, where it is not ``lost``, ``[batch]``."""
        if self._started:
            self.advance()
        self._started = True
        spread = self.variance.clamp(min=0) + self._measurement_noise
        spread = spread.clamp(min=torch.finfo(spread.dtype).tiny)
        gain = torch.where(lost[:, None], 0.0, self._covariance[:, 0] / spread)
        self._state = self._state + gain * (observation - self.estimate)
        self._covariance = self._covariance - gain.unsqueeze(1) * self._covariance[:1]

    def advance(self) -> None:
        """Advances one step without an observation."""
        following = (self._coefficients * self._state).sum(0)
        self._state = torch.cat((following.unsqueeze(0), self._state[:-1]))
        row = (self._coefficients.unsqueeze(1) * self._covariance).sum(0)
        covariance = torch.empty_like(self._covariance)
        covariance[1:, 1:] = self._covariance[:-1, :-1]
        covariance[0, 1:] = row[:-1]
        covariance[1:, 0] = row[:-1].conj()
        covariance[0, 0] = (row * self._coefficients.conj()).sum(0) + self._process_noise
        self._covariance = covariance
