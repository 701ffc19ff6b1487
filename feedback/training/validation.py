"""Validation of a pair of networks: the error that selects weights."""

import math

import torch
from torch import Tensor, nn

from feedback.layers.images import to_unit_interval
from feedback.training.disturbance import Disturbance

_BATCH = 500


@torch.no_grad()
def validation_nmse(
    encoder: nn.Module, decoder: nn.Module, csi: Tensor, disturbance: Disturbance | None = None, seed: int = 0
) -> float:
    r"""Mean over samples of :math:`\|H_a - \hat H_a\|^2 / \|H_a\|^2`, linear; in eval mode.

    Args:
        encoder: images to codewords.
        decoder: codewords to images.
        csi: normalised angular-delay matrices ``[n, Na, Nt]``, complex64.
        disturbance: what the codewords go through; nothing by default.
        seed: of the disturbance, the same for weights that are compared.
    """
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for part in csi.split(_BATCH):
        image = to_unit_interval(part)
        codeword = encoder(image)
        received = codeword if disturbance is None else disturbance.apply(codeword, generator)
        error = (decoder(received) - image).flatten(1).to(torch.float64).square().sum(1)
        power = (image - 0.5).flatten(1).to(torch.float64).square().sum(1)
        total += float((error / power).sum())
    return total / len(csi)


def decibel(nmse: float) -> float:
    """A linear NMSE in dB."""
    # An exact reconstruction has no logarithm; float32 errors are above this floor.
    return 10 * math.log10(max(nmse, 1e-30))
