"""Layers of a precoder: how many there are, which belongs to which eigenvector, and what they carry together."""

import math
from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from feedback.codebooks.choices import first_largest
from feedback.codebooks.link_quality import mmse_sinr
from linksim.metrics.directions import Directions

_MOST_LAYERS = 4
# Sums of similarities of float32 vectors within this of each other are equal: layers then keep their order.
_TIE = 1e-6
# Expected rates within this share of the best one's are equal: the fewest layers are taken.
_RATE_TIE = 1e-9


def layer_counts(layers: Tensor) -> Tensor:
    """Layers that are not zero of precoders ``[batch, n_layers, n_subbands, n_tx]``, ``[batch]``, int64."""
    return layers_sent(layers).sum(1)


def layers_sent(layers: Tensor) -> Tensor:
    """Which layers are not zero of precoders ``[batch, n_layers, n_subbands, n_tx]``, ``[batch, n_layers]``, bool."""
    return torch.view_as_real(layers.resolve_conj()).flatten(2).any(dim=2)


def matched_layers(layers: Tensor, eigenvectors: Tensor) -> Tensor:
    r"""Layers in the order of the eigenvectors that they belong to.

    Of all orders :math:`\pi` of a sample's layers the one of the largest

    .. math:: \sum_l \frac{1}{T} \sum_t |\hat w_{\pi(l), t}^H v_{l, t}|^2

    Args:
        layers: ``[batch, n_layers, n_subbands, n_tx]``, complex, unit norm; layers that a sample has not are zero, and
            stay behind the others.
        eigenvectors: the strongest first, the same shape.
    """
    n_layers = layers.shape[1]
    inner = torch.einsum("bktn,bltn->bklt", layers.conj(), eigenvectors)
    similarity = inner.abs().double().square().mean(-1)
    orders = torch.tensor(list(permutations(range(n_layers))), device=layers.device)
    place = torch.arange(n_layers, device=layers.device)
    total = similarity[:, orders, place].sum(-1)
    counts = layer_counts(layers)[:, None, None]
    stays = ((orders < counts) | (place >= counts)).all(-1)
    total = total.masked_fill(~stays, -1.0)
    best = (total >= total.amax(1, keepdim=True) - _TIE).to(torch.uint8).argmax(1)
    index = orders[best][:, :, None, None].expand_as(layers)
    return layers.gather(1, index)


def sum_rate(response: Tensor, layers: Tensor, bands: Sequence[slice], snr: float | Tensor) -> Tensor:
    r"""Rate of all layers together, mean over the subcarriers, ``[batch]``, float64, bit/s/Hz.

    .. math:: \sum_l \log_2(1 + \mathrm{SINR}_l)

    Args:
        response: ``[batch, Nc, n_rx, n_tx]``, complex.
        layers: precoders of each subband, ``[batch, n_layers, n_subbands, n_tx]``, unit norm, or zero.
        bands: subcarriers of each subband.
        snr: per antenna at unit channel power and precoder power 1, linear, of all samples or ``[batch]``.
    """
    return torch.log1p(layer_sinr(response, layers, bands, snr)).sum(-1).mean(-1) / math.log(2)


def layer_sinr(response: Tensor, layers: Tensor, bands: Sequence[slice], snr: float | Tensor) -> Tensor:
    r"""SINR of each layer behind an MMSE receiver, with equal power on each, ``[batch, Nc, n_layers]``, float64.

    .. math:: \mathrm{SINR}_l = \frac{1}{[(I + G)^{-1}]_{ll}} - 1,
              \qquad G = \frac{\mathrm{SNR}}{\nu} W_n^H H_n^H H_n W_n

    Args:
        response: ``[batch, Nc, n_rx, n_tx]``, complex.
        layers: precoders of each subband, ``[batch, n_layers, n_subbands, n_tx]``, unit norm, or zero.
        bands: subcarriers of each subband.
        snr: per antenna at unit channel power and precoder power 1, linear, of all samples or ``[batch]``.
    """
    widths = torch.tensor([band.stop - band.start for band in bands], device=layers.device)
    weights = layers.repeat_interleave(widths, dim=2)
    received = torch.einsum("bnrt,blnt->bnrl", response, weights)
    power = snr / layer_counts(layers).clamp(min=1)
    gram = (received.mH @ received) * power[:, None, None, None]
    return mmse_sinr(gram)


def best_layers(known: Directions, snr: float | Tensor, rank: int | None = None) -> Tensor:
    """Eigenvectors of each subband, as many as the sum rate is largest with, zero beyond them.

    Args:
        known: directions of the known channel.
        snr: per antenna at unit channel power and precoder power 1, linear, of all samples or ``[batch]``.
        rank: layers to take instead, as far as there are antennas for them.

    Returns:
        ``[batch, n_layers, n_subbands, n_tx]``, with up to four layers, as many as antennas on either side.
    """
    response, bands = known.response, known.bands
    most = min(_MOST_LAYERS, *response.shape[-2:])
    if rank is not None:
        return known.first(min(rank, most))
    vectors = known.first(most)
    kept = [torch.arange(most, device=response.device) < count for count in range(1, most + 1)]
    rates = torch.stack([sum_rate(response, vectors * each[:, None, None], bands, snr) for each in kept], dim=1)
    best = first_largest(rates, _RATE_TIE)
    return vectors * torch.stack(kept)[best][:, :, None, None]
