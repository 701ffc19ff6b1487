r"""Binary fully connected layers (BCsiNet): float weights learn, their signs and one scale work.

The product is :math:`y = \alpha (B x) + b` with :math:`B = \mathrm{sign}(W)` and
:math:`\alpha = \|W\|_1 / (mn)` (eqs. 9 and 12), so that the UE stores one bit a weight and multiplies nothing but the
sum by the scale. Training and packed inference take the same products in the same order.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from feedback.layers.basic import CentredLinear

_BITS = 8


class _BinaryProduct(torch.autograd.Function):
    """The scaled product ``[batch, in]`` by ``[out, in]``, with the straight-through gradient of the weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        scale, signs = scale_of(weight), signs_of(weight)
        ctx.save_for_backward(x, weight, scale, signs)
        return scale * (x @ signs.T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight, scale, signs = ctx.saved_tensors
        binary_gradient = gradient.T @ x
        return scale * (gradient @ signs), binary_gradient * (1 / weight.numel() + scale * (weight.abs() < 1))


def signs_of(weight: Tensor) -> Tensor:
    """1 where a weight is at least 0, -1 elsewhere."""
    return torch.where(weight >= 0, 1.0, -1.0)


def scale_of(weight: Tensor) -> Tensor:
    r"""The scale :math:`\alpha` of least square error between :math:`W` and :math:`\alpha B` (eq. 8), a scalar.

    Of :math:`W = \alpha B` it is :math:`\alpha` itself, to the last bit, which a sum over all weights may miss.
    """
    sizes = weight.abs()
    least, largest = torch.aminmax(sizes)
    return torch.where(least == largest, largest, sizes.mean())


def binary_weights(network: nn.Module) -> frozenset[str]:
    """Names of the weights of a network of which only signs and scale work."""
    return frozenset(f"{name}.weight" for name, layer in network.named_modules() if isinstance(layer, BinaryLinear))


class BinaryLinear(CentredLinear):
    r"""Fully connected layer of binary weights, the bias in floating point.

    The gradient of the float weights is

    .. math:: \frac{\partial C}{\partial W} = \frac{\partial C}{\partial W_b}
              \left( \frac{1}{mn} + \alpha\, 1_{|W| < 1} \right)

    as in eq. 11, with the gate of eq. 10 read as passing a gradient of 1 where :math:`|W| < 1`.
    """

    adds_only = True

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, in_features]`` to ``[batch, out_features]``."""
        product: Tensor = _BinaryProduct.apply(x - self.centre, self.weight)  # type: ignore[no-untyped-call]
        return product + self.bias

    def stored_bytes(self) -> int:
        """One bit a weight, one float32 scale, float32 biases."""
        return math.ceil(self.weight.numel() / _BITS) + 4 * (1 + self.bias.numel())


class PackedLinear(nn.Module):
    """A trained binary layer as a device stores it.

    Args:
        layer: the trained layer; its centre goes into the bias.

    Attributes:
        bits: signs, 1 for plus, row by row, most significant bit first, ``[ceil(out in / 8)]``, uint8.
        scale: scalar, float32.
        bias: ``[out_features]``, float32.
    """

    bits: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: BinaryLinear) -> None:
        super().__init__()
        weight = layer.weight.detach()
        scale, signs = scale_of(weight), signs_of(weight)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.register_buffer("bits", pack_signs(signs))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", layer.bias.detach() - scale * (signs @ layer.centre))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, in_features]`` to ``[batch, out_features]``."""
        signs = unpack_signs(self.bits, self.out_features * self.in_features).view(self.out_features, self.in_features)
        return self.scale * (x @ signs.T) + self.bias


def packed(network: nn.Module) -> nn.Module:
    """A copy of a network for inference, its binary layers packed; ``network.state_dict()`` is what a UE stores."""
    if isinstance(network, BinaryLinear):
        return PackedLinear(network)
    twin = copy.deepcopy(network)
    for name, layer in network.named_modules():
        if isinstance(layer, BinaryLinear):
            twin.set_submodule(name, PackedLinear(layer))
    return twin.eval()


def pack_signs(signs: Tensor) -> Tensor:
    """Signs of any shape to ``[ceil(n / 8)]``, uint8; 1 for plus, most significant bit first, zeros at the end."""
    flat = (signs > 0).flatten().to(torch.uint8)
    rows = nn.functional.pad(flat, (0, -len(flat) % _BITS)).view(-1, _BITS)
    return (rows << _shifts(rows.device)).sum(1, dtype=torch.uint8)


def unpack_signs(bits: Tensor, count: int) -> Tensor:
    """The first ``count`` signs of packed ones, ``[count]``, float32."""
    ones = (bits[:, None] >> _shifts(bits.device)) & 1
    return ones.flatten()[:count].to(torch.float32) * 2 - 1


def _shifts(device: torch.device) -> Tensor:
    return torch.arange(_BITS - 1, -1, -1, dtype=torch.uint8, device=device)
