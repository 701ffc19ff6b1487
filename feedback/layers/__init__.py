"""Layers that networks are built of, binary weights and equilibrium solver included."""

from feedback.layers.basic import (
    LEAKY_SLOPE,
    CentredLinear,
    ConvBn,
    DrawsOwnWeights,
    FullyConnectedDecoder,
    FullyConnectedEncoder,
    HingePath,
    PassesImages,
    RefineNet,
    ResidualBlock,
    initialise,
    kaiming_uniform,
    leaky_relu,
    xavier_uniform,
)

__all__ = [
    "LEAKY_SLOPE",
    "CentredLinear",
    "ConvBn",
    "DrawsOwnWeights",
    "FullyConnectedDecoder",
    "FullyConnectedEncoder",
    "HingePath",
    "PassesImages",
    "RefineNet",
    "ResidualBlock",
    "initialise",
    "kaiming_uniform",
    "leaky_relu",
    "xavier_uniform",
]
