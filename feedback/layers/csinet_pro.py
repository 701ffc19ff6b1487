"""Convolutions of CsiNet Pro: wide kernels and ever fewer feature maps, at both sides of the fully connected pair."""

import math

import torch
from torch import Tensor, nn

from feedback.layers.basic import LEAKY_SLOPE, ConvBn, leaky_relu

# Feature maps after each convolution but the last, which makes the two of an image.
_MAPS = (16, 8, 4)
_KERNEL = 7
# What keeps an image within the linear part of an activation of two maps, over the largest value that it may have.
_LIFT = 2.0
_LARGEST = 0.5


class Scaled(nn.Module):
    """Values times a constant.

    Args:
        factor: that constant.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        """Of any shape."""
        return self.factor * values


def unit_power(shape: tuple[int, int]) -> float:
    r"""What gives images of matrices of unit norm a mean power of 1, :math:`2 \sqrt{2 N_a N_t}`."""
    return 2 * math.sqrt(2 * shape[0] * shape[1])


def spherical(matrices: Tensor) -> Tensor:
    """Matrices ``[n, Na, Nt]`` of unit norm, complex, to images within 0.5, ``[n, 2, Na, Nt]``: half their parts."""
    return torch.stack([matrices.real, matrices.imag], dim=1) / 2


def from_spherical(image: Tensor) -> Tensor:
    """Images ``[n, 2, Na, Nt]`` to the complex matrices ``[n, Na, Nt]`` that they are halves of."""
    real, imaginary = (2 * image).unbind(1)
    return torch.complex(real, imaginary)


def encoder_convolutions(scale: float) -> nn.Sequential:
    """Four conv 7x7, 2->16->8->4->2, each with batch norm and leaky ReLU, on images times a scale."""
    return nn.Sequential(Scaled(scale), *_widened(), ConvBn(_MAPS[-1], 2, _KERNEL, leaky_relu()))


def decoder_convolutions(scale: float) -> nn.Sequential:
    """Three conv 7x7, 2->16->8->4, with batch norm and leaky ReLU; conv 7x7 4->2, over the scale, tanh."""
    last = nn.Conv2d(_MAPS[-1], 2, _KERNEL, padding="same")
    return nn.Sequential(*_widened(), last, Scaled(1 / scale), nn.Tanh())


@torch.no_grad()
def start_as_identity(convolutions: nn.Module, maps: Tensor, scale: float) -> float:
    r"""Makes the convolutions the identity on images, but for the scale, a tanh, and what is added to all values.

    Real and imaginary part cross each activation as a pair of opposite maps, whose difference is linear,

    .. math:: f(x) - f(-x) = (1 + s) x

    with ``s`` the slope of the leaky ReLU :math:`f`. Maps beyond these pairs keep their weights, and nothing takes them
    up before training does. Norms are those of the images, so that they change nothing in training either.

    Args:
        convolutions: of either side, one after the other, with drawn weights.
        maps: what they take, ``[n, 2, Na, Nt]``: images around 0 and within 0.5, at the decoder times the scale.
        scale: of both sides' convolutions.

    Returns:
        What is added to all values.
    """
    paired, added = False, 0.0
    for layer in convolutions.children():
        if isinstance(layer, Scaled):
            maps = layer(maps)
            continue
        conv = layer.conv if isinstance(layer, ConvBn) else layer
        assert isinstance(conv, nn.Conv2d)
        _pass_images(conv.weight, paired)
        if not isinstance(layer, ConvBn):
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
            break
        out = conv(maps)
        mean, variance = out.mean(dim=(0, 2, 3)), out.var(dim=(0, 2, 3), unbiased=False)
        norm = layer.norm
        norm.running_mean, norm.running_var = mean.clone(), variance.clone()
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
        if len(mean) == 2:
            added = _LIFT * _LARGEST * scale
            norm.bias.add_(added)
        maps, paired = layer.eval()(maps), True
    return added


def _widened() -> list[ConvBn]:
    return [ConvBn(before, after, _KERNEL, leaky_relu()) for before, after in zip((2, *_MAPS), _MAPS, strict=False)]


def _pass_images(weight: Tensor, paired: bool) -> None:
    """Sets a kernel ``[maps out, maps in, 7, 7]`` to pass real and imaginary part on, as pairs if there is room."""
    signs = (1.0, -1.0) if weight.shape[0] >= 4 else (1.0,)
    for part in range(2):
        for place, sign in enumerate(signs):
            kernel = weight[part * len(signs) + place]
            kernel.zero_()
            if paired:
                kernel[2 * part, _KERNEL // 2, _KERNEL // 2] = sign / (1 + LEAKY_SLOPE)
                kernel[2 * part + 1, _KERNEL // 2, _KERNEL // 2] = -sign / (1 + LEAKY_SLOPE)
            else:
                kernel[part, _KERNEL // 2, _KERNEL // 2] = sign
