"""Counts operations as the CLLWCsiNet paper prints its FLOPs: more than multiply-adds."""

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.neural import NeuralCompressor

_ACTIVATIONS = (nn.LeakyReLU, nn.PReLU)


def count_operations(compressor: NeuralCompressor) -> int:
    """Operations of one report at both sides: multiply-adds, 2 a value of batch norm, 1 a bias and an activation.

    Args:
        compressor: a network in eval mode.
    """
    total = 0

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.BatchNorm2d):
            total += 2 * output.numel()
        elif isinstance(layer, _ACTIVATIONS) or getattr(layer, "bias", None) is not None:
            total += output.numel()

    sides = (
        (compressor.encoder, torch.zeros(1, 2, *compressor.shape)),
        (compressor.decoder, torch.zeros(1, compressor.length)),
    )
    for side, example in sides:
        hooks = [layer.register_forward_hook(count) for layer in side.modules()]
        try:
            macs = count_macs(side, example)
        finally:
            for hook in hooks:
                hook.remove()
        total += macs
    return total
