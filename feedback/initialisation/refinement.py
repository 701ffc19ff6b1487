r"""Starts what refines images at the BS so that it makes logits of linear reconstructions for the last activation.

Images :math:`0.5 + d` come as :math:`d / \sigma`, of unit deviation, and affine layers pass them on. Residual blocks
bend them into logits one after the other, each as nearly as its hinges allow (see ``logits``). Where a leaky ReLU
:math:`f` follows the sum of a block, the sum is :math:`f^{-1}` of what is wanted; slopes that are learnt start at 1.

Means stay within a few deviations. One of many would keep leaky ReLUs linear as well, but convolutions pad with zeros:
next to such a mean, edges of images are unlike all the rest, and training is about little else.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from feedback.initialisation.convolutions import chain_of, pass_through, start_norm
from feedback.initialisation.last_activation import LastActivation, last_activation, makes_images
from feedback.initialisation.logits import BlockInput, start_path
from feedback.layers.basic import ConvBn, ResidualBlock
from feedback.layers.equilibrium_blocks import BsEquilibrium, BsStep
from feedback.layers.images import ImageScale

# What a step of an equilibrium leaves of a state that is off: 0.2^5 in the 5 iterations of training.
_CONTRACTION = 0.2
# Mean of values before leaky ReLUs, in standard deviations: what is not strong stays linear, and edges alike the rest.
MARGIN = 3.0
# Channels that pairs of opposite values, or two hinges, of real and imaginary part take.
_LEAST_CHANNELS = 4


@runtime_checkable
class StartsOwnPath(Protocol):
    """A residual block whose path has other layers than ``logits.start_path`` knows."""

    def start_path(self, given: BlockInput, wanted: Tensor, slope: Tensor, bends: Sequence[float] = ()) -> Tensor:
        """As ``logits.start_path``."""
        ...


def stays_linear(refinement: nn.Module) -> bool:
    """Whether a refinement is affine once its residual paths are 0: blocks with nothing after their sum."""
    return all(
        isinstance(layer, (nn.Identity, ImageScale))
        or (isinstance(layer, ResidualBlock) and isinstance(layer.activation, nn.Identity))
        for layer in chain_of(refinement)
    )


def refinement_problem(refinement: nn.Module) -> str | None:
    """Why a chain cannot make images of linear reconstructions, in a few words; ``None`` where it can.

    One that ends in no activation is taken for one that ends in a scale.
    """
    if stays_linear(refinement):
        return None
    end = chain_of(refinement)[-1]
    if not makes_images(end):
        return refinement_problem(nn.Sequential(*chain_of(refinement), ImageScale()))
    layers = _layers_of(refinement)
    if len(layers) == 1 and isinstance(layers[0], BsEquilibrium):
        return None
    blocks = [layer for layer in layers if isinstance(layer, ResidualBlock)]
    others = [layer for layer in layers if layer not in blocks]
    if foreign := [layer for layer in others if not isinstance(layer, (ConvBn, nn.Conv2d))]:
        return f"{type(foreign[0]).__name__} at the BS cannot pass images on"
    if lossy := [layer for layer in layers if _negative_slope(layer) <= 0]:
        return f"the activation of {type(lossy[0]).__name__} at the BS loses negative values"
    if blocks and any(_negative_slope(layer) < 1 for layer in layers[layers.index(blocks[-1]) + 1 :]):
        return "an activation after the last block at the BS cannot pass logits on"
    if not (blocks and _can_bend(blocks[-1])):
        return "the last block at the BS has no hinges to bend images into logits"
    if not (others or isinstance(end, ImageScale)):
        return "there is no convolution beside the residual blocks at the BS"
    return None


def start_refinement(network: nn.Module, linear: Tensor, deviation: float, taken: BlockInput | None = None) -> None:
    """Makes a refinement logits of linear reconstructions, then images.

    Args:
        network: a chain that ends in a sigmoid, a hard one or a scale, of affine layers and residual blocks, the last
            of which can bend, or that have nothing after their sum; or of one equilibrium block.
        linear: deviations of linear reconstructions from 0.5, ``[n, 2, Na Nt]``.
        deviation: standard deviation of images.
        taken: what it takes, if not linear reconstructions of unit deviation.

    Raises:
        TypeError: if its layers cannot; ``refinement_problem`` says why.
    """
    if problem := refinement_problem(network):
        raise TypeError(problem)
    given = taken or BlockInput(linear, 1 / deviation, 0.0)
    last_layer = chain_of(network)[-1]
    if isinstance(last_layer, ImageScale):
        last_layer.start(1 / given.scale, 0.5)
    if stays_linear(network):
        _start_linear(network, given)
        return
    layers, end = _layers_of(network), last_activation(last_layer)
    assert end is not None
    if isinstance(layers[0], BsEquilibrium):
        _bend_equilibrium(layers[0], end, linear, deviation)
        return
    place = max(i for i, layer in enumerate(layers) if isinstance(layer, ResidualBlock))
    before, last, after = layers[:place], layers[place], layers[place + 1 :]
    assert isinstance(last, ResidualBlock)
    # A block that itself makes logits takes images that are proportional to them where they are small.
    scale = 1 / deviation if after else end.tangent
    margin, unit, logits = MARGIN * deviation * scale, scale / end.tangent, end.logits(linear)
    wanted, slope = unit * logits, (end.slope(logits) / unit).expand_as(logits)
    for layer in layers:
        _start_activation(layer)
    for layer in before:
        if isinstance(layer, ResidualBlock):
            given = _bend_towards(layer, given, wanted, slope, margin)
        else:
            given = _affine(layer, given, scale, margin)
    bent = _bend(last, given, wanted, slope)
    for layer in after:
        bent = _affine(layer, BlockInput(bent, 1.0, 0.0), 1 / unit if layer is after[-1] else 1.0, 0.0).values


def _start_linear(network: nn.Module, given: BlockInput) -> None:
    """Makes residual paths 0, and the scale at the end one that brings the input to images."""
    *blocks, end = chain_of(network)
    assert isinstance(end, ImageScale)
    end.start(1 / given.scale, 0.5 - given.shift / given.scale)
    for block in blocks:
        if isinstance(block, ResidualBlock):
            block.silence()


def _layers_of(network: nn.Module) -> list[nn.Module]:
    """All that does something before the last activation."""
    return [layer for layer in chain_of(network)[:-1] if not isinstance(layer, nn.Identity)]


def _can_bend(block: nn.Module) -> bool:
    """Whether the path of a block can make hinges."""
    if not isinstance(block, ResidualBlock):
        return False
    layers = [layer for path in block.hinge_paths for layer in (*path.spread, path.hinge)]
    wide = bool(layers) and all(layer.conv.out_channels >= _LEAST_CHANNELS for layer in layers)
    return isinstance(block, StartsOwnPath) or wide


def _negative_slope(layer: nn.Module) -> float:
    """Slope below 0 of what ends a layer, as it starts; 0 where values are lost or it is not known."""
    activation = _activation_of(layer)
    if isinstance(activation, (nn.PReLU, nn.Identity)):
        return 1.0
    return float(activation.negative_slope) if isinstance(activation, nn.LeakyReLU) else 0.0


def _affine(layer: nn.Module, given: BlockInput, scale: float, margin: float) -> BlockInput:
    """Makes a convolution, with batch norm or without, pass its input on at a scale; its shift becomes the margin's."""
    gain, values = scale / given.scale, given.values
    shift = _shift_before(layer, margin)
    if isinstance(layer, ConvBn):
        mean, variance = values.mean(dim=(0, 2)), values.var(dim=(0, 2), correction=0)
        pass_through(layer, mean, variance, 1 / gain, gain * (mean - given.shift) + shift)
        return _given(activated(layer, scale * given.deviations + shift), scale, shift)
    assert isinstance(layer, nn.Conv2d)
    nn.init.dirac_(layer.weight).mul_(gain)
    if layer.bias is None:
        return BlockInput(given.deviations, scale, gain * given.shift)
    nn.init.constant_(layer.bias, -gain * given.shift)
    return BlockInput(given.deviations, scale, 0.0)


def _bend_towards(block: ResidualBlock, given: BlockInput, wanted: Tensor, slope: Tensor, margin: float) -> BlockInput:
    """Makes a block before the last bend its input as far as it can, where its layers allow it at all."""
    if not _can_bend(block):
        block.silence()
        return _given(activated(block, given.values), given.scale, given.shift)
    shift = _shift_before(block, margin)
    # Its own activation bends sharply, unless slopes are learnt, and those before it may have.
    shifts = ({shift} if _negative_slope(block) < 1 else set()) | ({given.shift} if given.shift else set())
    bends = [-each / given.scale for each in sorted(shifts)]
    return _given(_bend(block, given, wanted + shift, slope, bends), given.scale, shift)


def _given(values: Tensor, scale: float, shift: float) -> BlockInput:
    return BlockInput((values - shift) / scale, scale, shift)


def _bend(
    block: ResidualBlock, given: BlockInput, wanted: Tensor, slope: Tensor, bends: Sequence[float] = ()
) -> Tensor:
    """Makes a block a function of its input; returns what it gives now.

    Args:
        block: one that can bend.
        given: its input.
        wanted: its output, ``[n, 2, Na Nt]``.
        slope: of the image over its output, ``[n, 2, Na Nt]``.
        bends: as ``start_path``.
    """
    path = _before(block, wanted) - given.values
    slope = slope * torch.where(wanted < 0, _negative_slope(block), 1.0)
    if isinstance(block, StartsOwnPath):
        made = block.start_path(given, path, slope, bends)
    else:
        made = start_path(block.hinge_paths, block.narrow, given, path, slope, bends)
    return activated(block, given.values + made)


def _bend_equilibrium(block: BsEquilibrium, end: LastActivation, linear: Tensor, deviation: float) -> None:
    r"""The branch on the injection ``X`` makes the fixed point ``Z`` logits.

    With convolutions of the state that start at 0, and ``c`` the contraction,

    .. math:: Z = X + c \, (Z + B(X)), \qquad Z = \frac{X + c \, B(X)}{1 - c}.
    """
    logits = end.logits(linear)
    ratio = (1 - _CONTRACTION) / _CONTRACTION
    given = BlockInput(linear, (1 - _CONTRACTION) * end.tangent, 0.0)
    wanted, slope = ratio * (logits - end.tangent * linear), (end.slope(logits) / ratio).expand_as(logits)
    branch = start_path((block.hinge_path,), block.narrow, given, wanted, slope)
    sums = branch + (given.values + _CONTRACTION * branch) / (1 - _CONTRACTION)
    mean, variance = sums.mean(dim=(0, 2)), sums.var(dim=(0, 2), correction=0)
    step = block.equilibrium.step
    assert isinstance(step, BsStep)
    step.silence()
    start_norm(step.norm, mean, variance, _CONTRACTION, _CONTRACTION * mean)
    _start_activation(block)
    block.scale.fill_(given.scale * deviation)


def _start_activation(layer: nn.Module) -> None:
    """A slope that is learnt starts at 1."""
    activation = _activation_of(layer)
    if isinstance(activation, nn.PReLU):
        nn.init.ones_(activation.weight)


def _activation_of(layer: nn.Module) -> nn.Module:
    return layer.get_submodule("activation") if hasattr(layer, "activation") else nn.Identity()


def _shift_before(layer: nn.Module, margin: float) -> float:
    return 0.0 if _negative_slope(layer) == 1 else margin


def activated(layer: nn.Module, values: Tensor) -> Tensor:
    """Values after what ends a layer, with slopes as they start, same shape."""
    return torch.where(values < 0, _negative_slope(layer) * values, values)


def _before(layer: nn.Module, wanted: Tensor) -> Tensor:
    """What the activation of a layer makes values of."""
    return torch.where(wanted < 0, wanted / _negative_slope(layer), wanted)
