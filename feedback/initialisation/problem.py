"""Which networks can start as the KLT: what their layers have to be."""

from torch import nn

from feedback.initialisation.convolutions import chain_of
from feedback.initialisation.refinement import refinement_problem
from feedback.layers.basic import ConvBn, PassesImages, ResidualBlock
from feedback.layers.equilibrium_blocks import EquilibriumBlock
from feedback.layers.images import ImageScale


def linear_start_problem(features: nn.Module, refinement: nn.Module) -> str | None:
    """Why the layers around the latent space cannot pass images on, in a few words; ``None`` where they can.

    Args:
        features: at the UE: nothing (``nn.Identity``), a network that ``PassesImages``, or a chain of convolutions of
            the image's two channels with batch norm, residual and equilibrium blocks.
        refinement: at the BS: a chain of residual blocks without activation after their sum; or one that ends in a
            sigmoid, a hard one or a scale, of an equilibrium block, or of convolutions and residual blocks that can
            bend images into logits.
    """
    return features_problem(features) or refinement_problem(refinement)


def features_problem(features: nn.Module) -> str | None:
    """The same of what is at the UE alone."""
    for layer in () if isinstance(features, PassesImages) else chain_of(features):
        keeps = isinstance(layer, ConvBn) and layer.conv.in_channels == layer.conv.out_channels == 2
        if not (keeps or isinstance(layer, (nn.Identity, ImageScale, PassesImages, ResidualBlock, EquilibriumBlock))):
            return f"{type(layer).__name__} before the FC layer at the UE cannot pass images on"
    return None
