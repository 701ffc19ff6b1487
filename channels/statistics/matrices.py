"""Statistics of angular-delay matrices, one value per sample: profiles, spreads, sparsity, energy.

All take ``[..., n_delay, n_ports]`` and accumulate in float64. An all-zero matrix has no profile: its shares and
spreads are 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from channels.channel_batch import ArrayShape
from channels.statistics.circular_spread import circular_spread

SPARSITY_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)


def energy(csi: Tensor) -> Tensor:
    """Squared Frobenius norm of each matrix ``[..., n_delay, n_ports]``, ``[...]``, float64."""
    return _power(csi).sum((-2, -1))


def delay_profile(csi: Tensor) -> Tensor:
    """Share of a matrix's energy in each delay row.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.

    Returns:
        ``[..., n_delay]``, float64, sums to 1.
    """
    return _shares(_power(csi).sum(-1))


def angle_profile(csi: Tensor) -> Tensor:
    """Share of a matrix's energy in each angular column.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.

    Returns:
        ``[..., n_ports]``, float64, sums to 1.
    """
    return _shares(_power(csi).sum(-2))


def rms_delay_spread(csi: Tensor, bandwidth_hz: float) -> Tensor:
    r"""RMS spread of the delay profile :math:`p_n`, rows :math:`1/B` apart.

    .. math:: \sigma_\tau = \frac{1}{B} \sqrt{\sum_n p_n n^2 - \Big(\sum_n p_n n\Big)^2}

    It sees the rows kept only, and the leakage of delays between rows counts: even a single path has a spread unless
    its delay is a multiple of :math:`1/B`.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.
        bandwidth_hz: bandwidth :math:`B`.

    Returns:
        ``[...]``, float64, seconds.
    """
    profile = delay_profile(csi)
    rows = torch.arange(profile.shape[-1], dtype=torch.float64, device=csi.device)
    mean = (profile * rows).sum(-1, keepdim=True)
    return (profile * (rows - mean).square()).sum(-1).sqrt() / bandwidth_hz


def angular_spread(csi: Tensor, array: ArrayShape) -> Tensor:
    r"""Circular spread of the angle profile over the columns of the array; all its rows and other ports are summed.

    .. math:: \sigma_\theta = \sqrt{-2 \ln \Big| \sum_a p_a e^{j \theta_a} \Big|}, \qquad \theta_a = 2 \pi a / N

    (TR 38.901, annex A). The angle of bin :math:`a` of :math:`N` is the electrical one, the phase advance from one
    column to the next, :math:`2 \pi (d / \lambda) \sin \varphi` at azimuth :math:`\varphi` off broadside: at half a
    wavelength and near broadside an electrical spread is :math:`\pi` times that of the azimuth. A turn of the bins does
    not change it.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.
        array: transmit array.

    Returns:
        ``[...]``, float64, radians (electrical).
    """
    ports = angle_profile(csi).unflatten(-1, (-1, array.n_columns))
    turns = torch.arange(array.n_columns, dtype=torch.float64, device=csi.device) / array.n_columns
    return circular_spread(ports.sum(-2), 2 * torch.pi * turns)


def sparsity_curve(csi: Tensor, shares: Sequence[float] = SPARSITY_SHARES) -> Tensor:
    r"""Share of a matrix's energy in its largest entries.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.
        shares: shares :math:`s` of the entries, 0 to 1; :math:`\lfloor s N_a N_t \rfloor` entries, at least one.

    Returns:
        ``[..., len(shares)]``, float64.
    """
    entries = _shares(_power(csi).flatten(-2)).sort(dim=-1, descending=True).values.cumsum(-1)
    # The small term keeps 0.07 of 100 entries from losing one to rounding.
    counts = [max(1, int(share * entries.shape[-1] + 1e-9)) for share in shares]
    return entries[..., [count - 1 for count in counts]]


def image_energy(csi: Tensor) -> Tensor:
    r"""Energy of the image that CsiNet sees, :math:`\sum |X|^2 / (4 \max |X|^2)`.

    Each matrix is scaled so that its largest modulus is 1/2 and its parts lie in [0, 1] around 1/2.

    Args:
        csi: angular-delay matrices ``[..., n_delay, n_ports]``, complex.

    Returns:
        ``[...]``, float64.
    """
    power = _power(csi)
    largest = power.amax((-2, -1))
    return power.sum((-2, -1)) / (4 * torch.where(largest > 0, largest, 1.0))


def _power(csi: Tensor) -> Tensor:
    return torch.view_as_real(csi.resolve_conj()).to(torch.float64).square().sum(-1)


def _shares(power: Tensor) -> Tensor:
    total = power.sum(-1, keepdim=True)
    return power / torch.where(total > 0, total, 1.0)
