"""What an encoder takes at the UE in each format, counted as the papers count."""

from dataclasses import dataclass

from torch import nn

from feedback.complexity import count_parameters, count_stored_bytes
from feedback.encoder_export.formats import ExportFormat
from feedback.layers.binary import BinaryLinear

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class EncoderSize:
    """Size of a network without its graph.

    Attributes:
        parameters: learnt numbers, whatever their width.
        float_parameters: learnt numbers of the layers that are not quantised. The QACRNet table of the CLLWCsiNet paper
            counts these alone: 2632 of ACRNet-1x's 2 102 344 at a compression ratio of 4.
        bytes: 4 a float32 number, 1 an 8-bit weight, 1/8 a packed one.
    """

    parameters: int
    float_parameters: int
    bytes: int


def encoder_size(network: nn.Module, format_: ExportFormat) -> EncoderSize:
    """Size of a network in a format.

    Args:
        network: encoder, or decoder.
        format_: how it is stored.
    """
    layers = quantised_layers(network, format_)
    parameters = count_parameters(network)
    if format_ == "packed":
        n_bytes = count_stored_bytes(network)
    else:
        n_bytes = _FLOAT_BYTES * parameters - (_FLOAT_BYTES - 1) * sum(layer.weight.numel() for layer in layers)
    return EncoderSize(parameters, parameters - sum(count_parameters(layer) for layer in layers), n_bytes)


def quantised_layers(network: nn.Module, format_: ExportFormat) -> list[nn.Linear | nn.Conv2d]:
    """Layers whose weights a format stores with 8 bits or 1."""
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    connected = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if format_ == "int8-static":
        return [*convolutions, *connected]
    if format_ == "int8":
        return [*connected] or [*convolutions]
    if format_ == "packed":
        return [layer for layer in connected if isinstance(layer, BinaryLinear)]
    return []
