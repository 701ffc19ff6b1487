"""Scales that networks without layers of that kind get, so that all weights beside them start in the same size."""

from torch import nn

from feedback.initialisation.convolutions import chain_of
from feedback.initialisation.last_activation import makes_images
from feedback.initialisation.problem import features_problem
from feedback.initialisation.refinement import refinement_problem
from feedback.layers.basic import ConvBn, PassesImages
from feedback.layers.images import ImageScale


def with_scale(features: nn.Module) -> nn.Module:
    """Features at the UE that begin with a layer which can bring images to unit deviation: with a scale where not."""
    layers = [layer for layer in chain_of(features) if not isinstance(layer, nn.Identity)]
    if layers and isinstance(layers[0], (ConvBn, PassesImages)):
        return features
    return features if features_problem(features) else nn.Sequential(ImageScale(), *layers)


def with_end(refinement: nn.Module) -> nn.Module:
    """A refinement at the BS that ends in what makes images: a scale where there is no sigmoid.

    Where it cannot start as the KLT even so, it stays as it is.
    """
    if makes_images(chain_of(refinement)[-1]) or refinement_problem(refinement):
        return refinement
    return nn.Sequential(*chain_of(refinement), ImageScale())
