"""What a UE knows of its channel, from an estimate of its response: in the forms in which compressors take it."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from feedback.observation import Observation
from linksim.link_budget.ue_snr import beside
from linksim.subband_eigenvectors import subband_eigenvectors


def observation_of(
    response: Tensor,
    transform: AngularDelayTransform,
    bands: Sequence[slice],
    snr: float | Tensor,
    known: Callable[[], Tensor] | None = None,
) -> Observation:
    """Responses ``[batch, Nc, n_ports]`` in every form; eigenvectors are those of the subbands.

    Args:
        response: what the UE has estimated.
        transform: to angular-delay matrices.
        bands: subcarriers of each subband.
        snr: the downlink's per antenna at unit channel power, linear, which the UE knows; of each UE ``[batch]``, or of
            all.
        known: what the channel is weighed against noise by, ``[batch, Nc, n_rx, n_tx]``; the response by default.
    """
    matrices = response.unflatten(-1, (transform.array.n_rx, transform.array.n_tx))
    amplitude = beside(snr.sqrt(), matrices.ndim) if isinstance(snr, Tensor) else math.sqrt(snr)
    return Observation(
        truncated=lambda: transform.truncate(response),
        estimate=lambda: matrices.transpose(1, 2),
        whitened=lambda: (matrices if known is None else known()).transpose(1, 2) * amplitude,
        eigenvectors=lambda n_layers: subband_eigenvectors(matrices, bands, n_layers).transpose(1, 2),
    )


def denoised(
    response: Tensor, transform: AngularDelayTransform, bands: Sequence[slice], noise: float | Tensor
) -> Callable[[], Tensor]:
    """What a UE takes for its channel where it weighs it against noise: without the noise of its estimate.

    Matrices ``[batch, Nc, n_rx, n_tx]``, made when they are first asked for.

    Args:
        response: what it has estimated, ``[batch, Nc, n_ports]``, complex.
        transform: of the BS's array.
        bands: subcarriers of each subband.
        noise: mean power that noise adds to an entry of the estimate, of all samples or ``[batch]``.
    """
    matrices = response.unflatten(-1, (transform.array.n_rx, transform.array.n_tx))
    return cache(lambda: without_noise(matrices, bands, noise))


def without_noise(matrices: Tensor, bands: Sequence[slice], noise: float | Tensor) -> Tensor:
    r"""Channel estimates whose covariance in each subband has lost what noise adds to it.

    Of ``m`` rows of noise of power :math:`\sigma^2` an entry a subband's :math:`\sum_n \hat H_n^H \hat H_n = V
    \Lambda V^H` has :math:`m \sigma^2 I` in the mean. With that taken off, as far as eigenvalues allow,

    .. math:: \tilde H_n = \hat H_n V \left(\frac{(\Lambda - m \sigma^2 I)^+}{\Lambda}\right)^{1/2} V^H

    Args:
        matrices: estimates ``[batch, Nc, n_rx, n_tx]``, complex.
        bands: subcarriers of each subband.
        noise: :math:`\sigma^2`, of all samples or ``[batch]``.

    Returns:
        Of the same shape; the estimates themselves where there is no noise.
    """
    if not isinstance(noise, Tensor) and noise == 0:
        return matrices
    power = noise[:, None] if isinstance(noise, Tensor) else noise
    found = torch.empty_like(matrices)
    for band in bands:
        rows = matrices[:, band].flatten(1, 2).to(torch.complex128)
        values, vectors = torch.linalg.eigh(rows.mH @ rows)
        kept = (1 - rows.shape[1] * power / values.clamp(min=torch.finfo(values.dtype).tiny)).clamp(min=0).sqrt()
        projected = (rows @ (vectors * kept[:, None])) @ vectors.mH
        found[:, band] = projected.to(matrices.dtype).unflatten(1, (-1, matrices.shape[2]))
    return found
