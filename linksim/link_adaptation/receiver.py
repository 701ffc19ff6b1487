r"""MMSE-IRC receiver of a UE: linear, made of what the UE has estimated, at work on the channel that there is.

On a subcarrier :math:`y = G x + n` with the effective channel :math:`G` of all layers, behind precoder and power, and
noise and interference of covariance :math:`R`. The UE knows :math:`\hat G = G + E` from DM-RS, with errors of variance
:math:`\sigma^2` in each entry, and :math:`\hat R`, the mean over some resource elements of what is left of them. It
receives layer ``l`` with

.. math:: f_l = \left(\hat G \hat G^H + \hat R + L \sigma^2 I\right)^{-1} \hat g_l

and decodes as if its own estimate were the channel, so that all else is noise:

.. math:: \mathrm{SINR}_l = \frac{|f_l^H \hat g_l|^2}
          {|f_l^H (g_l - \hat g_l)|^2 + \sum_{j \ne l} |f_l^H g_j|^2 + f_l^H R f_l}

Without errors this is the SINR of the MMSE receiver. A covariance of few resource elements costs one layer the factor
:math:`(K + 2 - N) / (K + 1)` in the mean, of ``K`` elements and ``N`` antennas (I. S. Reed, J. D. Mallett and L. E.
Brennan, IEEE Trans. Aerosp. Electron. Syst. 10(6), 1974, DOI 10.1109/TAES.1974.307893).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Receiver:
    r"""What UEs have estimated; noise has variance 1 at each antenna.

    Attributes:
        covariance: of noise and interference, :math:`R`, ``[batch, n_rx, n_rx]``, complex128.
        known: what the UE takes for it, :math:`\hat R`, likewise.
        error_variance: :math:`\sigma^2` of the entries of the effective channel.
        errors: :math:`E` of each transmission of a block, ``[batch, Nc, n_rx, most_layers]``, complex64; empty where
            there are none, or a UE asks what to expect.
    """

    covariance: Tensor
    known: Tensor
    error_variance: float
    errors: tuple[Tensor, ...] = ()

    def only(self, kept: Tensor) -> "Receiver":
        """Some of the UEs, ``kept`` ``[batch]``, bool."""
        errors = tuple(error[kept] for error in self.errors)
        return replace(self, covariance=self.covariance[kept], known=self.known[kept], errors=errors)

    @property
    def expected(self) -> "Receiver":
        """As the UE expects it to be: its covariance holds, and errors are noise of their variance."""
        return replace(self, covariance=self.known, errors=())

    def sinr(self, effective: Tensor, sent: Tensor, transmission: int = 0) -> Tensor:
        """SINR of each layer, ``[batch, Nc, n_layers]``, float64; 0 of those that are not sent.

        Args:
            effective: :math:`G`, ``[batch, Nc, n_rx, n_layers]``, complex, zero in layers that are not sent.
            sent: which are, ``[batch, n_layers]``, bool.
            transmission: of the block, 0 for the first.
        """
        true = effective.to(torch.complex128)
        n_layers, n_rx = true.shape[-1], true.shape[-2]
        # Errors in all layers reach each antenna.
        spread = self.error_variance * sent.sum(-1).to(torch.float64)
        loading = spread[:, None, None] * torch.eye(n_rx, dtype=true.dtype, device=true.device)
        known, noise = self.known + loading, self.covariance
        seen = true
        if self.errors:
            seen = true + self.errors[transmission][..., :n_layers] * sent[:, None, None]
        else:
            noise = noise + loading
        filters = torch.linalg.solve(seen @ seen.mH + known[:, None], seen)
        wanted = (filters.conj() * seen).sum(-2)
        received = filters.mH @ true
        own = received.diagonal(dim1=-2, dim2=-1)
        others = _power(received).sum(-1) - _power(own)
        background = (filters.conj() * (noise[:, None] @ filters)).sum(-2).real
        disturbance = _power(own - wanted) + others.clamp(min=0) + background
        return torch.where(sent[:, None] & (disturbance > 0), _power(wanted) / disturbance, 0.0)


def sample_covariance(covariance: Tensor, draws: Tensor) -> Tensor:
    r"""Covariance that a UE estimates of some resource elements, ``[batch, n_rx, n_rx]``, complex128.

    .. math:: \hat R = \frac{1}{K} \sum_{k=1}^K n_k n_k^H

    Args:
        covariance: of the noise :math:`n_k`, ``[batch, n_rx, n_rx]``, complex.
        draws: circular Gaussian of variance 1, ``[batch, n_rx, K]``, complex.
    """
    noise = torch.linalg.cholesky(covariance.to(torch.complex128)) @ draws.to(torch.complex128)
    return noise @ noise.mH / draws.shape[-1]


def _power(values: Tensor) -> Tensor:
    return values.real.square() + values.imag.square()
