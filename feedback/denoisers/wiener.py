"""Wiener filtering of analogue codewords: the affine estimate of least mean relative error."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from feedback.compressor import Compressor
from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.denoiser import DENOISERS, Denoiser
from feedback.denoisers.parameters.wiener import WienerParameters
from feedback.errors import FeedbackInputError
from feedback.training.noise import with_noise
from feedback.training_set import TrainingSet

# SNRs at which shares of the correction are tried, those shares, and the training channels they are tried on.
_SNRS_DB = tuple(range(-10, 45, 5))
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
_SHARE_CHANNELS = 300


@DENOISERS.register("wiener")
class Wiener(Denoiser):
    r"""Linear MMSE estimate from the mean and covariance of training codewords and the link's noise level.

    .. math:: \hat v = m + C (C + \gamma^{-1} I)^{-1} (r - m)

    with the received codeword ``r`` and the feedback SNR :math:`\gamma`. The link's noise is relative to the power
    :math:`p = \lVert v \rVert^2 / M` of each report, and so is the error that is made least,
    :math:`E[\lVert \hat v - v \rVert^2 / p]`; its moments are weighted accordingly,

    .. math:: m = E[v / p] / E[1 / p], \qquad C = E[(v - m)(v - m)^T / p].

    A decoder that was trained through noise already does a part of this, and would lose by its being done twice. So
    ``fit_jointly`` finds the share of the filter's correction that it rebuilds training channels best with, by SNR:

    .. math:: r + \beta(\gamma) (\hat v - r), \qquad 0 \le \beta \le 1,

    which is all of it for the orthogonal transforms ``klt`` and ``topk``, and before ``fit_jointly``.

    The sample covariance is shrunk towards a multiple of the identity by as much as Ledoit and Wolf ("A
    well-conditioned estimator for large-dimensional covariance matrices", 2004) estimate from its scatter.
    """

    Parameters = WienerParameters
    settings: WienerParameters
    mean: Tensor
    covariance: Tensor
    shares: Tensor

    def __init__(self, parameters: WienerParameters) -> None:
        super().__init__(parameters)
        self.declare(mean=("length",), covariance=("length", "length"))
        self.register_buffer("shares", torch.ones(len(_SNRS_DB)))
        # The gain of the last noise level, with the covariance that it is of.
        self._kept: tuple[Tensor, float, Tensor] | None = None

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
        self.mean = mean.to(torch.float32)
        self.covariance = shrunk_covariance((values - mean) / power.sqrt()).to(torch.float32)

    @torch.no_grad()
    def fit_jointly(self, compressor: Compressor, training: TrainingSet, generator: torch.Generator) -> None:
        """Takes the share of the correction at each of some SNRs; the compressor stays as it is."""
        csi = training.train[:_SHARE_CHANNELS]
        sent = compressor.encode(csi)
        error_of = _direction_error if compressor.gives == "precoder" else _nmse
        shares = []
        for snr_db in _SNRS_DB:
            noisy = with_noise(sent.values, torch.full((len(csi), 1), snr_db), generator)
            filtered = self._filtered(noisy, 10 ** (-snr_db / 10))
            errors = [
                error_of(csi, compressor.decode(replace(sent, values=noisy + share * (filtered - noisy))))
                for share in _SHARES
            ]
            shares.append(_SHARES[errors.index(min(errors))])
        self.shares = torch.tensor(shares, device=self.shares.device)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Shares are from 0 to 1."""
        if (state["shares"] < 0).any() or (state["shares"] > 1).any():
            raise FeedbackInputError("denoiser wiener: got a share outside 0 to 1, expected shares of its correction")

    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The filtered codeword; the received one where there is no noise.

        Raises:
            FeedbackInputError: if the values are level numbers or bits, not finite, or of another number than in
                training.
        """
        if received.value_bits is not None:
            raise FeedbackInputError("denoiser wiener: got quantised values, expected analogue ones (quantiser none)")
        check_values(self.stage, received, len(self.mean))
        if noise_to_signal == 0:
            return received
        share = self._share(noise_to_signal)
        filtered = self._filtered(received.values, noise_to_signal)
        return replace(received, values=filtered if share == 1 else received.values.lerp(filtered, share))

    def _share(self, noise_to_signal: float) -> float:
        """Share of the correction, between those of the SNRs that were looked at."""
        return float(np.interp(-10 * math.log10(noise_to_signal), _SNRS_DB, self.shares.cpu().numpy()))

    def _filtered(self, received: Tensor, noise_to_signal: float) -> Tensor:
        return self.mean + (received - self.mean) @ self._gain(noise_to_signal)

    def _gain(self, noise_to_signal: float) -> Tensor:
        """``C (C + I / SNR)^-1``, symmetric, ``[length, length]``, float32; computed once per noise level."""
        covariance = self.covariance
        if self._kept is None or self._kept[0] is not covariance or self._kept[1] != noise_to_signal:
            exact = covariance.to(torch.float64)
            noise = noise_to_signal * torch.eye(len(exact), dtype=torch.float64, device=exact.device)
            gain = torch.linalg.solve(exact + noise, exact).to(torch.float32)
            self._kept = covariance, noise_to_signal, gain
        return self._kept[2]


def _nmse(csi: Tensor, rebuilt: Tensor) -> float:
    """Mean over samples of the relative error, linear."""
    error, power = ((rebuilt - csi).abs().square().sum(dim=(1, 2)), csi.abs().square().sum(dim=(1, 2)))
    return float((error / power).to(torch.float64).mean())


def _direction_error(vectors: Tensor, rebuilt: Tensor) -> float:
    """Mean over samples, layers and subbands of 1 less the squared correlation of unit vectors ``[..., n_tx]``."""
    correlation = (rebuilt.conj() * vectors).sum(dim=-1)
    return 1 - float(torch.view_as_real(correlation).square().sum(dim=-1).to(torch.float64).mean())


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
