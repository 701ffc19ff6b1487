r"""Starts the convolutions around a latent space so that they pass images on, to logits before the last sigmoid.

Images are 0.5 plus a deviation of standard deviation :math:`\sigma`, around 0.02. At the UE they become
:math:`x / \sigma`: positive, where a leaky ReLU is the identity, and of unit deviation, where all weights have the size
that Adam's steps suit. At the BS the way back is :math:`\mathrm{sigmoid}(g \sigma \hat y - g / 2)`. Residual paths
start at 0. The last affine map is that of the last convolution; activations that follow it start with slope 1, as
values there have both signs, or the last block gets around its own (see ``leaky_start``).
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from feedback.equilibrium_blocks import EquilibriumBlock
from feedback.layers import ConvBn, PassesImages, ResidualBlock
from feedback.leaky_start import start_leaky_path

# Channels that the statistics of images are taken of.
STATISTICS_SAMPLES = 5000

_GAINS = torch.linspace(4.0, 6.0, 21)
_GAIN_SAMPLES = 1000


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
        network: a chain of convolutions with batch norm, residual and equilibrium blocks, or one that ``PassesImages``.
        images: what it gets.
    """
    mean, variance, deviation = images.mean, images.variance, images.deviation
    for place, layer in enumerate(_chain(network)):
        if isinstance(layer, ConvBn) and place == 0:
            pass_through(layer, mean, variance, deviation, mean / deviation)
        elif isinstance(layer, ConvBn):
            pass_through(layer, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        elif isinstance(layer, PassesImages):
            layer.start_as_identity(mean, variance, deviation)
        elif isinstance(layer, (ResidualBlock, EquilibriumBlock)):
            layer.silence()


def start_refinement(network: nn.Module, linear: Tensor, deviations: Tensor, deviation: float) -> float | None:
    """Residual paths to 0, and the way from images of unit deviation to logits.

    Args:
        network: a chain of convolutions, residual and equilibrium blocks that ends in a sigmoid.
        linear: deviations of linear reconstructions from 0.5, ``[n, 2, Na Nt]``.
        deviations: of the images that they reconstruct, ``[n, 2, Na Nt]``.
        deviation: standard deviation of images.

    Returns:
        ``None``; but where the chain has no affine layer, and so takes logits, their ratio to images of unit deviation.

    Raises:
        TypeError: if an activation after the last convolution has a slope that is not learnt, and the last block has
            no path of leaky ReLUs either.
    """
    gain = _sigmoid_gain(linear[:_GAIN_SAMPLES], deviations[:_GAIN_SAMPLES])
    chain = _chain(network)
    affine = [layer for layer in chain if isinstance(layer, (ConvBn, nn.Conv2d))]
    blocks = [layer for layer in chain if isinstance(layer, (ResidualBlock, EquilibriumBlock))]
    last = blocks[-1] if affine and chain.index(affine[-1]) < chain.index(blocks[-1]) else None
    leaky = isinstance(last, ResidualBlock) and last.leaky_path is not None
    offset = gain / 2 if leaky else 0.0
    are_logits = not affine
    for layer in chain:
        if isinstance(layer, (ResidualBlock, EquilibriumBlock)):
            layer.silence()
        elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.dirac_(layer.weight)
            layer.weight.mul_(gain * deviation)
            nn.init.constant_(layer.bias, -gain / 2)
        elif isinstance(layer, ConvBn):
            mean = linear.mean(dim=(0, 2))
            variance = linear.var(dim=(0, 2), correction=0) / deviation**2
            pass_through(layer, (mean + 0.5) / deviation, variance, 1 / (gain * deviation), gain * mean + offset)
        are_logits = are_logits or (layer in affine and not leaky)
        if are_logits and isinstance(layer, (ConvBn, ResidualBlock, EquilibriumBlock)):
            _pass_both_signs(layer.activation)
    if leaky:
        assert isinstance(last, ResidualBlock)
        start_leaky_path(last, gain * linear, offset)
    return None if affine else gain * deviation


def pass_through(layer: ConvBn, mean: Tensor, variance: Tensor, unit: float, mean_after: Tensor) -> None:
    """Makes a layer ``(x - mean) / unit + mean_after`` for inputs of those statistics, ``[channels]`` each."""
    nn.init.dirac_(layer.conv.weight)
    norm = layer.norm
    # Batch statistics of training and running statistics of inference now mean the same map.
    norm.load_state_dict(
        {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(0),
            "weight": (variance + norm.eps).sqrt() / unit,
            "bias": mean_after,
        }
    )


def _chain(network: nn.Module) -> list[nn.Module]:
    return list(network.children()) if isinstance(network, nn.Sequential) else [network]


def _pass_both_signs(activation: nn.Module) -> None:
    if isinstance(activation, nn.PReLU):
        nn.init.ones_(activation.weight)
    elif not isinstance(activation, nn.Identity):
        raise TypeError(f"{type(activation).__name__} cannot pass logits unchanged: this network has no linear start")


def _sigmoid_gain(linear: Tensor, deviations: Tensor) -> float:
    """Gain before the sigmoid of least error; 4 is the tangent at 0.5, strong entries are nearer to saturation."""
    errors = [((linear * gain).sigmoid() - 0.5 - deviations).square().mean() for gain in _GAINS]
    return float(_GAINS[int(torch.stack(errors).argmin())])
