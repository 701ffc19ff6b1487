"""Wiener filtering of analogue codewords: the affine estimate of least mean relative error."""

from dataclasses import replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from feedback.codeword import Codeword, Signal
from feedback.codeword_check import check_training, check_values
from feedback.denoiser import DENOISERS, Denoiser, DenoiserParameters
from feedback.errors import FeedbackInputError
from feedback.state import checked_state, state_length


class WienerParameters(DenoiserParameters):
    """Parameters of ``wiener``: none of its own."""

    name: Literal["wiener"] = "wiener"


@DENOISERS.register("wiener")
class Wiener(Denoiser):
    r"""Linear MMSE estimate from the mean and covariance of training codewords and the link's noise level.

    .. math:: \hat v = m + C (C + \gamma^{-1} I)^{-1} (r - m)

    with the received codeword ``r`` and the feedback SNR :math:`\gamma`. The link's noise is relative to the power
    :math:`p = \lVert v \rVert^2 / M` of each report, and so is the error that is made least,
    :math:`E[\lVert \hat v - v \rVert^2 / p]`; its moments are weighted accordingly,

    .. math:: m = E[v / p] / E[1 / p], \qquad C = E[(v - m)(v - m)^T / p].

    The sample covariance is shrunk towards a multiple of the identity by as much as Ledoit and Wolf ("A
    well-conditioned estimator for large-dimensional covariance matrices", 2004) estimate from its scatter.
    """

    accepts: ClassVar[frozenset[Signal]] = frozenset({"analogue"})
    Parameters = WienerParameters
    parameters: WienerParameters

    def __init__(self, parameters: WienerParameters) -> None:
        super().__init__(parameters)
        self._mean: Tensor | None = None
        self._covariance: Tensor | None = None
        self._filters: dict[float, Tensor] = {}

    def fit(self, values: Tensor) -> None:
        """Takes the weighted mean and covariance; codewords without power, which get no noise, say nothing.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("denoiser wiener", values)
        values = values.to(torch.float64)
        power = values.square().mean(dim=1, keepdim=True)
        values, power = values[power[:, 0] > 0], power[power[:, 0] > 0]
        if len(values) == 0:
            raise FeedbackInputError("denoiser wiener: got training codewords that are all zero, expected power")
        mean = (values / power).sum(dim=0) / (1 / power).sum()
        self._mean = mean.to(torch.float32)
        self._covariance = shrunk_covariance((values - mean) / power.sqrt()).to(torch.float32)
        self._filters.clear()

    def state(self) -> dict[str, Tensor]:
        """``mean``, ``[length]``, and ``covariance``, ``[length, length]``, float32."""
        if self._mean is None or self._covariance is None:
            raise FeedbackInputError("denoiser wiener: got no moments, expected fit() on training codewords before use")
        return {"mean": self._mean, "covariance": self._covariance}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over the moments of ``state``, whose length is the codeword's."""
        length = state_length(state, "mean")
        checked = checked_state(state, {"mean": torch.empty(length), "covariance": torch.empty(length, length)})
        self._mean, self._covariance = checked["mean"], checked["covariance"]
        self._filters.clear()

    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The filtered codeword; the received one where there is no noise.

        Raises:
            FeedbackInputError: if the values are level numbers or bits, not finite, or of another number than in
                training.
        """
        mean = self.state()["mean"].to(received.values.device)
        if received.value_bits is not None:
            raise FeedbackInputError("denoiser wiener: got quantised values, expected analogue ones (quantiser none)")
        check_values("denoiser wiener", received, len(mean))
        if noise_to_signal == 0:
            return received
        gain = self._gain(noise_to_signal).to(received.values.device)
        return replace(received, values=mean + (received.values - mean) @ gain)

    def _gain(self, noise_to_signal: float) -> Tensor:
        """``C (C + I / SNR)^-1``, symmetric, ``[length, length]``, float32; computed once per noise level."""
        if noise_to_signal not in self._filters:
            covariance = self.state()["covariance"].to(torch.float64)
            noise = noise_to_signal * torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
            self._filters[noise_to_signal] = torch.linalg.solve(covariance + noise, covariance).to(torch.float32)
        return self._filters[noise_to_signal]


def shrunk_covariance(samples: Tensor) -> Tensor:
    r"""Ledoit-Wolf estimate :math:`(1 - \rho) S + \rho \frac{\mathrm{tr} S}{M} I` of a covariance.

    Args:
        samples: of mean 0, ``[n, length]``, float64.

    Returns:
        ``[length, length]``, float64; with :math:`\rho` the estimated squared error of the sample covariance ``S`` over
        its squared distance from the multiple of the identity, at most 1.
    """
    n, length = samples.shape
    sample = samples.T @ samples / n
    identity = torch.eye(length, dtype=samples.dtype, device=samples.device) * (sample.trace() / length)
    distance = (sample - identity).square().sum()
    scatter = (samples.square().sum(dim=1).square().sum() / n - sample.square().sum()) / n
    shrinkage = (scatter / distance).clamp(0, 1) if distance > 0 else torch.ones_like(distance)
    return (1 - shrinkage) * sample + shrinkage * identity
