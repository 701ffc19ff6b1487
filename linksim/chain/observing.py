"""What a UE knows of its channel, from an estimate of its response: in the forms in which compressors take it."""

import math
from collections.abc import Sequence

from torch import Tensor

from channels.transforms.angular_delay import AngularDelayTransform
from feedback.observation import Observation
from linksim.link_budget.ue_snr import beside
from linksim.subband_eigenvectors import subband_eigenvectors


def observation_of(
    response: Tensor, transform: AngularDelayTransform, bands: Sequence[slice], snr: float | Tensor
) -> Observation:
    """Responses ``[batch, Nc, n_ports]`` in every form; eigenvectors are those of the subbands.

    Args:
        response: what the UE has estimated.
        transform: to angular-delay matrices.
        bands: subcarriers of each subband.
        snr: the downlink's per antenna at unit channel power, linear, which the UE knows; of each UE ``[batch]``, or of
            all.
    """
    matrices = response.unflatten(-1, (transform.array.n_rx, transform.array.n_tx))
    amplitude = beside(snr.sqrt(), matrices.ndim) if isinstance(snr, Tensor) else math.sqrt(snr)
    return Observation(
        truncated=transform.truncate(response),
        estimate=lambda: matrices.transpose(1, 2),
        whitened=lambda: matrices.transpose(1, 2) * amplitude,
        eigenvectors=lambda n_layers: subband_eigenvectors(matrices, bands, n_layers).transpose(1, 2),
    )
