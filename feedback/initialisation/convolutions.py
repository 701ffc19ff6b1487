r"""Starts the convolutions around a latent space so that they pass images on, to logits before the last sigmoid.

Images are 0.5 plus a deviation of standard deviation :math:`\sigma`, around 0.02. At the UE they become
:math:`x / \sigma`: positive, where a leaky ReLU is the identity, and of unit deviation, where all weights have the size
that Adam's steps suit. Residual paths start at 0, but for the last one at the BS, which bends images into logits (see
``logit_start``). Activations after the last convolution there start with slope 1, as values have both signs, or the
last block gets around its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from feedback.initialisation.logits import BlockInput, logits_of, sigmoid_slope, start_path
from feedback.layers.basic import LEAKY_SLOPE, ConvBn, PassesImages, ResidualBlock
from feedback.layers.equilibrium_blocks import BsEquilibrium, BsStep, EquilibriumBlock

# Channels that the statistics of images are taken of.
STATISTICS_SAMPLES = 5000

# Slope of the logit at 0.5, and what keeps logits of images that are not quite 0 or 1 positive.
_TANGENT = 4.0
_MARGIN = 5.0

# What a step of an equilibrium leaves of a state that is off: 0.2^5 in the 5 iterations of training.
_CONTRACTION = 0.2


@runtime_checkable
class StartsOwnPath(Protocol):
    """A residual block whose path has other layers than ``start_path`` knows."""

    def start_path(self, given: BlockInput, wanted: Tensor, slope: Tensor) -> Tensor:
        """As ``logit_start.start_path``."""
        ...


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


def linear_start_problem(features: nn.Module, refinement: nn.Module) -> str | None:
    """Why the layers around the FC pair cannot pass images on, in a few words; ``None`` where they can.

    Args:
        features: at the UE: nothing (``nn.Identity``), a network that ``PassesImages``, or a chain of convolutions of
            the image's two channels with batch norm, residual and equilibrium blocks.
        refinement: at the BS: a chain of residual blocks without activation after their sum; or one that ends in a
            sigmoid and has a block that can bend images into logits.
    """
    for layer in () if isinstance(features, PassesImages) else _chain(features):
        keeps = isinstance(layer, ConvBn) and layer.conv.in_channels == layer.conv.out_channels == 2
        if not (keeps or isinstance(layer, (nn.Identity, PassesImages, ResidualBlock, EquilibriumBlock))):
            return f"{type(layer).__name__} before the FC layer at the UE cannot pass images on"
    if stays_linear(refinement):
        return None
    chain = _chain(refinement)
    *layers, last = chain
    if not isinstance(last, nn.Sigmoid):
        return "the refinement at the BS is neither of residual blocks only nor ends in a sigmoid"
    blocks = [layer for layer in layers if isinstance(layer, (ResidualBlock, EquilibriumBlock))]
    others = [layer for layer in layers if layer not in blocks]
    if foreign := [layer for layer in others if not isinstance(layer, (ConvBn, nn.Conv2d, nn.Identity))]:
        return f"{type(foreign[0]).__name__} at the BS cannot pass images on"
    if blocks and isinstance(blocks[-1], BsEquilibrium):
        return None
    bending = blocks[-1] if blocks else None
    if not (isinstance(bending, ResidualBlock) and (isinstance(bending, StartsOwnPath) or bending.hinge_paths)):
        return "the last block at the BS has no hinges to bend images into logits"
    if not any(isinstance(layer, (ConvBn, nn.Conv2d)) for layer in others):
        return "there is no convolution beside the residual blocks at the BS"
    return None


def stays_linear(refinement: nn.Module) -> bool:
    """Whether a refinement is the identity once its residual paths are 0: blocks with nothing after their sum."""
    return all(
        isinstance(layer, nn.Identity)
        or (isinstance(layer, ResidualBlock) and isinstance(layer.activation, nn.Identity))
        for layer in _chain(refinement)
    )


def silence_blocks(refinement: nn.Module) -> None:
    """Makes the residual paths of a chain 0."""
    for layer in _chain(refinement):
        if isinstance(layer, ResidualBlock):
            layer.silence()


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


def start_refinement(network: nn.Module, linear: Tensor, deviation: float) -> float:
    """Residual paths to 0, and the way from images of unit deviation to logits.

    Args:
        network: a chain of convolutions, residual and equilibrium blocks that ends in a sigmoid.
        linear: deviations of linear reconstructions from 0.5, ``[n, 2, Na Nt]``.
        deviation: standard deviation of images.

    Returns:
        Mean of the images of unit deviation that it takes: theirs, or 0 before an equilibrium block at the end.

    Raises:
        TypeError: if there is no residual block beside an affine layer; or if an activation after the last convolution
            has a slope that is not learnt, and the last block has no hinges either.
    """
    chain = _chain(network)
    affine = [layer for layer in chain if isinstance(layer, (ConvBn, nn.Conv2d))]
    blocks = [layer for layer in chain if isinstance(layer, (ResidualBlock, EquilibriumBlock))]
    for block in blocks:
        block.silence()
    last = blocks[-1] if blocks else None
    if isinstance(last, BsEquilibrium):
        _bend_equilibrium(last, linear, deviation)
        return 0.0
    if not isinstance(last, ResidualBlock) or not affine:
        raise TypeError("no residual block beside an affine layer: this network has no linear start")
    if chain.index(affine[-1]) > chain.index(last):
        _bend_before(last, affine[-1], linear, deviation)
    else:
        _bend_after(last, affine[-1], blocks, linear, deviation)
    return 0.5 / deviation


def _bend_before(block: ResidualBlock, affine: nn.Module, linear: Tensor, deviation: float) -> None:
    """The last block makes bent images, positive, and an affine layer makes them logits."""
    unit = _TANGENT * deviation
    given = BlockInput(linear, 1 / deviation, 0.5 / deviation)
    logits = logits_of(linear)
    sums = given.values + _bend(block, given, (logits + _MARGIN) / unit - given.values, unit * sigmoid_slope(logits))
    if isinstance(affine, ConvBn):
        mean, variance = sums.mean(dim=(0, 2)), sums.var(dim=(0, 2), correction=0)
        pass_through(affine, mean, variance, 1 / unit, unit * mean - _MARGIN)
    elif isinstance(affine, nn.Conv2d) and affine.bias is not None:
        nn.init.dirac_(affine.weight)
        affine.weight.mul_(unit)
        nn.init.constant_(affine.bias, -_MARGIN)


def _bend_after(
    block: ResidualBlock, affine: nn.Module, blocks: Sequence[nn.Module], linear: Tensor, deviation: float
) -> None:
    """An affine layer makes images proportional to logits where these are small, and the last block bends them."""
    assert isinstance(affine, ConvBn)
    learnt = isinstance(block.activation, nn.PReLU)
    # Where slopes are not learnt, blocks pass what is positive.
    offset = 0.0 if learnt else _MARGIN
    mean = linear.mean(dim=(0, 2))
    variance = linear.var(dim=(0, 2), correction=0) / deviation**2
    pass_through(affine, (mean + 0.5) / deviation, variance, 1 / (_TANGENT * deviation), _TANGENT * mean + offset)
    logits = logits_of(linear)
    # The last activation's slope below 0, which the sum makes up for.
    slope = torch.ones_like(logits) if learnt else torch.where(logits < 0, LEAKY_SLOPE, 1.0)
    if learnt:
        for layer in (affine, *blocks):
            _pass_both_signs(layer.activation)
    given = BlockInput(linear, _TANGENT, offset)
    _bend(block, given, logits / slope - given.values, slope * sigmoid_slope(logits))


def _bend_equilibrium(block: BsEquilibrium, linear: Tensor, deviation: float) -> None:
    r"""The branch on the injection ``X`` makes the fixed point ``Z`` logits.

    With convolutions of the state that start at 0, and ``c`` the contraction,

    .. math:: Z = X + c \, (Z + B(X)), \qquad Z = \frac{X + c \, B(X)}{1 - c}.
    """
    logits = logits_of(linear)
    ratio = (1 - _CONTRACTION) / _CONTRACTION
    given = BlockInput(linear, (1 - _CONTRACTION) * _TANGENT, 0.0)
    branch = start_path(
        (block.hinge_path,), block.narrow, given, ratio * (logits - _TANGENT * linear), sigmoid_slope(logits) / ratio
    )
    sums = branch + (given.values + _CONTRACTION * branch) / (1 - _CONTRACTION)
    mean, variance = sums.mean(dim=(0, 2)), sums.var(dim=(0, 2), correction=0)
    step = block.equilibrium.step
    assert isinstance(step, BsStep)
    step.silence()
    start_norm(step.norm, mean, variance, _CONTRACTION, _CONTRACTION * mean)
    _pass_both_signs(block.activation)
    block.scale.fill_(given.scale * deviation)


def _bend(block: ResidualBlock, given: BlockInput, wanted: Tensor, slope: Tensor) -> Tensor:
    if isinstance(block, StartsOwnPath):
        return block.start_path(given, wanted, slope)
    if not block.hinge_paths:
        raise TypeError(f"{type(block).__name__} has no hinges: this network has no linear start")
    return start_path(block.hinge_paths, block.narrow, given, wanted, slope)


def pass_through(layer: ConvBn, mean: Tensor, variance: Tensor, unit: float, mean_after: Tensor) -> None:
    """Makes a layer ``(x - mean) / unit + mean_after`` for inputs of those statistics, ``[channels]`` each."""
    nn.init.dirac_(layer.conv.weight)
    start_norm(layer.norm, mean, variance, 1 / unit, mean_after)


def start_norm(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, gain: float, mean_after: Tensor) -> None:
    """Makes batch norm ``gain (x - mean) + mean_after`` for inputs of those statistics, ``[channels]`` each."""
    # Batch statistics of training and running statistics of inference now mean the same map.
    norm.load_state_dict(
        {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": torch.tensor(0),
            "weight": gain * (variance + norm.eps).sqrt(),
            "bias": mean_after,
        }
    )


def _chain(network: nn.Module) -> list[nn.Module]:
    return list(network.children()) if isinstance(network, nn.Sequential) else [network]


def _pass_both_signs(activation: Any) -> None:
    if isinstance(activation, nn.PReLU):
        nn.init.ones_(activation.weight)
    elif not isinstance(activation, nn.Identity):
        raise TypeError(f"{type(activation).__name__} cannot pass logits unchanged: this network has no linear start")
