"""Which networks can start as the KLT: what their layers have to be."""

from torch import nn

from feedback.initialisation.convolutions import chain_of
from feedback.initialisation.refinement import can_bend, negative_slope, stays_linear
from feedback.layers.basic import ConvBn, PassesImages, ResidualBlock
from feedback.layers.equilibrium_blocks import BsEquilibrium, EquilibriumBlock


def linear_start_problem(features: nn.Module, refinement: nn.Module) -> str | None:
    """Why the layers around the FC pair cannot pass images on, in a few words; ``None`` where they can.

    Args:
        features: at the UE: nothing (``nn.Identity``), a network that ``PassesImages``, or a chain of convolutions of
            the image's two channels with batch norm, residual and equilibrium blocks.
        refinement: at the BS: a chain of residual blocks without activation after their sum; or one that ends in a
            sigmoid, of an equilibrium block, or of convolutions and residual blocks that can bend images into logits.
    """
    for layer in () if isinstance(features, PassesImages) else chain_of(features):
        keeps = isinstance(layer, ConvBn) and layer.conv.in_channels == layer.conv.out_channels == 2
        if not (keeps or isinstance(layer, (nn.Identity, PassesImages, ResidualBlock, EquilibriumBlock))):
            return f"{type(layer).__name__} before the FC layer at the UE cannot pass images on"
    if stays_linear(refinement):
        return None
    chain = chain_of(refinement)
    *layers, last = chain
    if not isinstance(last, nn.Sigmoid):
        return "the refinement at the BS is neither of residual blocks only nor ends in a sigmoid"
    layers = [layer for layer in layers if not isinstance(layer, nn.Identity)]
    if len(layers) == 1 and isinstance(layers[0], BsEquilibrium):
        return None
    blocks = [layer for layer in layers if isinstance(layer, ResidualBlock)]
    others = [layer for layer in layers if layer not in blocks]
    if foreign := [layer for layer in others if not isinstance(layer, (ConvBn, nn.Conv2d))]:
        return f"{type(foreign[0]).__name__} at the BS cannot pass images on"
    if lossy := [layer for layer in layers if negative_slope(layer) <= 0]:
        return f"the activation of {type(lossy[0]).__name__} at the BS loses negative values"
    if blocks and any(negative_slope(layer) < 1 for layer in layers[layers.index(blocks[-1]) + 1 :]):
        return "an activation after the last block at the BS cannot pass logits on"
    if not (blocks and can_bend(blocks[-1])):
        return "the last block at the BS has no hinges to bend images into logits"
    if not others:
        return "there is no convolution beside the residual blocks at the BS"
    return None
