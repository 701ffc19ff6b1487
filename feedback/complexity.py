"""Counts multiply-adds, parameters and stored bytes of a network; multiply-adds by running it once.

The convention is that of the CSI feedback papers: one multiply-add counts 1, convolutions and fully connected layers
count, biases, batch norm and activations do not. Binary layers add without multiplying.
"""

from collections.abc import Callable
from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn

from feedback.errors import FeedbackInputError


class CountsMacs(Protocol):
    """A layer that multiplies outside of convolutions and fully connected layers, and counts that itself."""

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-adds of one call, those of its sublayers left out, for a batch of 1."""
        ...


class PackedLayer(Protocol):
    """A layer that is stored with fewer bits a weight than it learns with."""

    def stored_bytes(self) -> int:
        """Bytes that this layer's own parameters take in the device that uses them."""
        ...


# Classes are asked, as `isinstance` of a protocol takes as long as a layer.
def _counts_macs(layer: nn.Module) -> TypeGuard[CountsMacs]:
    return hasattr(type(layer), "macs")


def _is_packed(layer: nn.Module) -> TypeGuard[PackedLayer]:
    return hasattr(type(layer), "stored_bytes")


def _adds_only(layer: nn.Module) -> bool:
    return bool(getattr(type(layer), "adds_only", False))


def count_macs(network: nn.Module, *inputs: Tensor, without: tuple[type[nn.Module], ...] = ()) -> int:
    """Multiply-adds of one pass, additions of binary layers among them.

    Args:
        network: a network of convolutions, fully connected layers, norms and activations, in eval mode.
        inputs: what it takes, a batch of 1.
        without: kinds of layers that are left out with all that is in them.

    Raises:
        FeedbackInputError: if a layer has weights but no rule to count it by.
    """
    return _count(network, inputs, _layer_macs, without)


def count_macs_and_multiplications(network: nn.Module, *inputs: Tensor) -> tuple[int, int]:
    """Multiply-adds of one pass, as ``count_macs`` has them, and multiplications: those without binary layers."""
    added = 0

    def rule(layer: nn.Module, layer_inputs: tuple[Tensor, ...], output: Tensor) -> int:
        nonlocal added
        macs = _layer_macs(layer, layer_inputs, output)
        added += macs if _adds_only(layer) else 0
        return macs

    macs = _count(network, inputs, rule)
    return macs, macs - added


def count_parameters(network: nn.Module) -> int:
    """Learnt numbers of a network, biases and batch norm's gain and bias among them, running statistics not."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_stored_bytes(network: nn.Module) -> int:
    """Bytes of a network's learnt numbers: 4 each, but fewer in layers of binary or 8-bit weights.

    Running statistics of batch norm are not counted: they merge into the kernels before it.
    """
    return sum(_layer_bytes(layer) for layer in network.modules())


def _count(
    network: nn.Module, inputs: tuple[Tensor, ...], rule: "_Rule", without: tuple[type[nn.Module], ...] = ()
) -> int:
    total = 0
    left_out = {id(part) for layer in network.modules() if isinstance(layer, without) for part in layer.modules()}

    def count(layer: nn.Module, layer_inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += rule(layer, layer_inputs, output)

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if id(layer) not in left_out]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return total


def _layer_bytes(layer: nn.Module) -> int:
    if _is_packed(layer):
        return layer.stored_bytes()
    return sum(parameter.numel() * parameter.element_size() for parameter in layer.parameters(recurse=False))


def _layer_macs(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    if _counts_macs(layer):
        return layer.macs(inputs, output)
    for kind, rule in _RULES:
        if isinstance(layer, kind):
            return rule(layer, inputs, output)
    if any(parameter.dim() > 1 for parameter in layer.parameters(recurse=False)):
        raise FeedbackInputError(
            f"{type(layer).__name__}: got weights without a rule for their multiply-adds, expected a method "
            "macs(self, inputs, output) of the layer"
        )
    return 0


def _per_output_value(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    return output.numel() * layer.get_parameter("weight")[0].numel()


def _per_input_value(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    return inputs[0].numel() * layer.get_parameter("weight")[0].numel()


_Rule = Callable[[nn.Module, tuple[Tensor, ...], Tensor], int]

# A weight's first axis is the output channel, but the input channel where a convolution is transposed.
_RULES: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], _Rule], ...] = (
    ((nn.Linear, nn.Conv1d, nn.Conv2d), _per_output_value),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d), _per_input_value),
)
