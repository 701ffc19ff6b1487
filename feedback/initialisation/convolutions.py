r"""Starts the convolutions before a latent space so that they pass images on.

Images are 0.5 plus a deviation of standard deviation :math:`\sigma`, around 0.02. At the UE they become
:math:`x / \sigma`: positive, where a leaky ReLU is the identity, and of unit deviation, where all weights have the size
that steps of an optimiser suit. Residual paths start at 0.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from feedback.layers.basic import ConvBn, PassesImages, ResidualBlock
from feedback.layers.equilibrium_blocks import EquilibriumBlock
from feedback.layers.images import ImageScale

# Channels that the statistics of images are taken of.
STATISTICS_SAMPLES = 5000


@dataclass(frozen=True)
class ImageStatistics:
    """Mean and variance of the real and the imaginary part, ``[2]`` each, and the deviation of both together."""

    mean: Tensor
    variance: Tensor
    deviation: float

    @classmethod
    def of(cls, images: Tensor) -> Self:
        """Of images ``[n, 2, Na, Nt]``."""
        variance = images.var(dim=(0, 2, 3), correction=0)
        return cls(images.mean(dim=(0, 2, 3)), variance, float(variance.mean().sqrt()))


def start_features(network: nn.Module, images: ImageStatistics) -> None:
    """Makes a feature extractor at the UE ``x / deviation``.

    Args:
        network: a chain of convolutions with batch norm, residual and equilibrium blocks, of which a convolution or a
            scale is the first; or one that ``PassesImages``.
        images: what it gets.
    """
    mean, variance, deviation = images.mean, images.variance, images.deviation
    for place, layer in enumerate(chain_of(network)):
        if isinstance(layer, ConvBn) and place == 0:
            pass_through(layer, mean, variance, deviation, mean / deviation)
        elif isinstance(layer, ConvBn):
            pass_through(layer, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        elif isinstance(layer, ImageScale):
            layer.start(1 / deviation, 0.0)
        elif isinstance(layer, PassesImages):
            layer.start_as_identity(mean, variance, deviation)
        elif isinstance(layer, (ResidualBlock, EquilibriumBlock)):
            layer.silence()


def pass_through(layer: ConvBn, mean: Tensor, variance: Tensor, unit: float, mean_after: Tensor) -> None:
    """Makes a layer ``(x - mean) / unit + mean_after`` for inputs of those statistics, ``[channels]`` each."""
    nn.init.dirac_(layer.conv.weight)
    start_norm(layer.norm, mean, variance, 1 / unit, mean_after)


@torch.no_grad()
def start_norm(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, gain: float | Tensor, mean_after: Tensor) -> None:
    """Makes batch norm of its first channels ``gain (x - mean) + mean_after`` for inputs of those statistics.

    Args:
        norm: of that many channels or more.
        mean: ``[channels]``, as all that follow.
        variance: without correction.
        gain: or one number.
        mean_after: of what it gives.
    """
    first = slice(len(mean))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    # Batch statistics of training and running statistics of inference now mean the same map.
    norm.running_mean[first], norm.running_var[first] = mean, variance
    norm.weight[first], norm.bias[first] = gain * (variance + norm.eps).sqrt(), mean_after


def chain_of(network: nn.Module) -> list[nn.Module]:
    """Layers in a row: those of a ``Sequential``, or the module itself."""
    return list(network.children()) if isinstance(network, nn.Sequential) else [network]
