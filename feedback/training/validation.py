"""Validation of a pair of networks: the error that selects weights."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior
from feedback.training.options import relative_errors

_BATCH = 500


@torch.no_grad()
def validation_nmse(
    encoder: nn.Module,
    decoder: nn.Module,
    csi: Tensor,
    disturbance: Disturbance | None = None,
    seed: int = 0,
    errors: Callable[[Tensor, Tensor], Tensor] = relative_errors,
) -> float:
    """Mean error of rebuilt channels, by default their NMSE, linear; in eval mode.

    Args:
        encoder: images to codewords.
        decoder: codewords to images.
        csi: normalised angular-delay matrices ``[n, Na, Nt]``, complex64.
        disturbance: what the codewords go through; nothing by default.
        seed: of the disturbance, the same for weights that are compared.
        errors: images and what they are rebuilt to, to the error of each.
    """
    return validation_error(Autoencoder(encoder, decoder), csi, disturbance, seed, errors)


@torch.no_grad()
def validation_error(
    network: Autoencoder,
    csi: Tensor,
    disturbance: Disturbance | None = None,
    seed: int = 0,
    errors: Callable[[Tensor, Tensor], Tensor] = relative_errors,
) -> float:
    """Mean error of what a network rebuilds, as ``validation_nmse``.

    Args:
        network: encoder and decoder together.
        csi: normalised angular-delay matrices ``[n, Na, Nt]``, or sequences of them, ``[n, T, Na, Nt]``, complex64.
        disturbance: what the codewords go through; nothing by default.
        seed: of the disturbance.
        errors: images and what they are rebuilt to, to the error of each.
    """
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for part in csi.split(_BATCH):
        image = to_unit_interval(part)
        total += float(errors(image, network.rebuilt(image, disturbance, generator)).sum(dtype=torch.float64))
    return total / len(csi)


@torch.no_grad()
def validation_bits(encoder: nn.Module, prior: FactorisedPrior, csi: Tensor) -> float:
    """Mean bits of rounded codewords under a prior; in eval mode.

    Args:
        encoder: images to codewords.
        prior: of these.
        csi: normalised angular-delay matrices ``[n, Na, Nt]``, complex64.
    """
    total = 0.0
    for part in csi.split(_BATCH):
        total += float(prior.bits(encoder(to_unit_interval(part)).round()).sum(dtype=torch.float64))
    return total / len(csi)


def decibel(nmse: float) -> float:
    """A linear NMSE in dB."""
    # An exact reconstruction has no logarithm; float32 errors are above this floor.
    return 10 * math.log10(max(nmse, 1e-30))
