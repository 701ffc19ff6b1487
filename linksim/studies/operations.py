"""Counts operations as papers print their FLOPs: more than multiply-adds, or not all of them."""

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.layers.attention import Attention, CrossAttention
from feedback.neural import NeuralCompressor

_ACTIVATIONS = (nn.LeakyReLU, nn.PReLU)


def count_operations(compressor: NeuralCompressor) -> int:
    """Operations of one report at both sides: multiply-adds, 2 a value of batch norm, 1 a bias and an activation.

    A mean over an image takes one for each value and one to divide. So the CLLWCsiNet paper counts, and thop, the
    counter that the repositories of CRNet and its successors use.

    Args:
        compressor: a network in eval mode.
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.BatchNorm2d):
            total += 2 * output.numel()
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            total += inputs[0].numel() + output.numel()
        elif isinstance(layer, _ACTIVATIONS) or getattr(layer, "bias", None) is not None:
            total += output.numel()

    for side, example in _sides(compressor):
        hooks = [layer.register_forward_hook(count) for layer in side.modules()]
        try:
            macs = count_macs(side, example)
        finally:
            for hook in hooks:
                hook.remove()
        total += macs
    return total


def count_macs_without_attention(compressor: NeuralCompressor) -> int:
    """Multiply-adds of one report at both sides, those of attention left out.

    So thop counts PyTorch's multi-head attention and code like it, which call functions where thop looks for layers.

    Args:
        compressor: a network in eval mode.
    """
    attention = (Attention, CrossAttention)
    return sum(count_macs(side, example, without=attention) for side, example in _sides(compressor))


def _sides(compressor: NeuralCompressor) -> tuple[tuple[nn.Module, Tensor], ...]:
    """Encoder and decoder, and what they take."""
    return (
        (compressor.encoder, torch.zeros(1, 2, *compressor.shape)),
        (compressor.decoder, torch.zeros(1, compressor.length)),
    )
