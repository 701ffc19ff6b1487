"""Layers that the compressor networks share, and their initial weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.layers.set_later import Linear

LEAKY_SLOPE = 0.3


class DrawsOwnWeights(Protocol):
    """A layer with weights that ``initialise`` has no rule for."""

    def initialise(self, generator: torch.Generator) -> None:
        """Draws this layer's own parameters, those of its sublayers left out."""
        ...


def xavier_uniform(weight: Tensor, generator: torch.Generator) -> None:
    """Draws weights of variance 2 over the sum of inputs and outputs."""
    nn.init.xavier_uniform_(weight, generator=generator)


def kaiming_uniform(weight: Tensor, generator: torch.Generator) -> None:
    """Draws weights of the variance that keeps deviations through a leaky ReLU of slope 0.3."""
    nn.init.kaiming_uniform_(weight, a=LEAKY_SLOPE, generator=generator)


def initialise(
    network: nn.Module,
    generator: torch.Generator,
    draw: Callable[[Tensor, torch.Generator], None] = xavier_uniform,
) -> None:
    """Draws initial weights; biases 0, norms 1 and 0, PReLU slopes 0.3.

    Args:
        network: what is drawn in place, on whatever device.
        generator: draws.
        draw: fills the weights of one convolution or fully connected layer.

    Raises:
        TypeError: if a layer has parameters but no rule to draw them by.
    """
    with _at(generator.device, network):
        for layer in network.modules():
            _initialise_layer(layer, generator, draw)


@contextmanager
def _at(device: torch.device, network: nn.Module) -> Iterator[None]:
    """The network on another device meanwhile: a generator draws on its own alone."""
    first = next(network.parameters(), None)
    if first is None or first.is_meta or first.device.type == device.type:
        yield
        return
    there = first.device
    network.to(device)
    try:
        yield
    finally:
        network.to(there)


def _initialise_layer(
    layer: nn.Module, generator: torch.Generator, draw: Callable[[Tensor, torch.Generator], None]
) -> None:
    if _draws_own_weights(layer):
        layer.initialise(generator)
    elif isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        draw(layer.weight, generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
        layer.reset_parameters()
    elif isinstance(layer, nn.PReLU):
        nn.init.constant_(layer.weight, LEAKY_SLOPE)
    elif next(layer.parameters(recurse=False), None) is not None:
        name = type(layer).__name__
        raise TypeError(f"{name} has parameters but no rule for their start, and no initialise(self, generator)")


# Its class is asked, as `isinstance` of a protocol takes as long as drawing a small layer.
def _draws_own_weights(layer: nn.Module) -> TypeGuard[DrawsOwnWeights]:
    return hasattr(type(layer), "initialise")


def leaky_relu() -> nn.LeakyReLU:
    """Leaky ReLU of the CSI feedback networks, slope 0.3."""
    return nn.LeakyReLU(LEAKY_SLOPE)


class ConvBn(nn.Module):
    """Convolution of the same output size, batch norm, and an activation.

    Args:
        n_in: input channels.
        n_out: output channels.
        kernel: kernel size, one number or (delay, angle).
        activation: what follows; nothing by default.
        groups: channel groups of the convolution.
        dilation: spacing of the kernel's taps.
        bias: whether the convolution has a bias, which batch norm cancels; for networks published with one.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int | tuple[int, int],
        activation: nn.Module | None = None,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, padding="same", groups=groups, dilation=dilation, bias=bias)
        self.norm = nn.BatchNorm2d(n_out)
        self.activation = activation or nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, n_in, Na, Nt]`` to ``[batch, n_out, Na, Nt]``."""
        return self.activation(self.norm(self.conv(image)))


@runtime_checkable
class PassesImages(Protocol):
    """A feature extractor that can start as the identity on images, scaled."""

    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """Makes it ``x / deviation`` for images of those statistics, ``[2]`` each, real and imaginary part."""
        ...


class CentredLinear(Linear):
    r"""Fully connected layer on the deviation from a constant: :math:`y = W (x - \bar x) + b`.

    The same functions as a plain layer, whose bias would be :math:`b - W \bar x`. Where inputs have a mean far
    beyond their deviation, as images around 0.5 have, steps of the weights no longer move all outputs together.

    Attributes:
        centre: :math:`\bar x`, ``[in_features]``; 0 until it is set, not learnt by gradient.
    """

    centre: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("centre", torch.zeros(in_features))

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features]`` to ``[..., out_features]``."""
        return functional.linear(x - self.centre, self.weight, self.bias)


class FullyConnectedEncoder(nn.Module):
    """Images to codewords, ``[batch, 2, Na, Nt]`` to ``[batch, M]``: a feature extractor, then one FC layer.

    Args:
        features: maps images to images of the same shape.
        fc: ``2 Na Nt`` values to ``M``.
        transposed: whether both take images ``[2, angle, delay]``, as networks of public repositories do.
    """

    def __init__(self, features: nn.Module, fc: CentredLinear, transposed: bool = False) -> None:
        super().__init__()
        self.transposed = transposed
        self.features = features
        self.fc = fc

    def forward(self, image: Tensor) -> Tensor:
        """Codewords of images."""
        image = image.mT.contiguous() if self.transposed else image
        return self.fc(self.features(image).flatten(1))


class FullyConnectedDecoder(nn.Module):
    """Codewords to images, ``[batch, M]`` to ``[batch, 2, Na, Nt]``: one FC layer, then refinement.

    Args:
        fc: ``M`` values to ``2 Na Nt``.
        refinement: maps images to images of the same shape.
        shape: ``(Na, Nt)``.
        transposed: whether both give images ``[2, angle, delay]``, as networks of public repositories do.
    """

    def __init__(self, fc: nn.Linear, refinement: nn.Module, shape: tuple[int, int], transposed: bool = False) -> None:
        super().__init__()
        self.shape = (shape[1], shape[0]) if transposed else shape
        self.transposed = transposed
        self.fc = fc
        self.refinement = refinement

    def forward(self, codeword: Tensor) -> Tensor:
        """Images of codewords."""
        image: Tensor = self.refinement(self.fc(codeword).unflatten(1, (2, *self.shape)))
        return image.mT.contiguous() if self.transposed else image


@dataclass(frozen=True)
class HingePath:
    """Convolutions in a row whose last outputs, activated by a leaky ReLU, are inputs of a block's ``narrow``.

    Attributes:
        spread: convolutions before the last, each activated, of at least 4 output channels.
        hinge: the last convolution, of at least 4 output channels.
        first: place of its outputs among the inputs of ``narrow``.
    """

    spread: tuple[ConvBn, ...]
    hinge: ConvBn
    first: int

    @property
    def grouped(self) -> bool:
        """Whether the hinges' convolution has groups, of two channels each."""
        return self.hinge.conv.groups > 1

    @property
    def hinges(self) -> int:
        """Hinges of one component, real or imaginary part."""
        n_out = self.hinge.conv.out_channels
        return 2 * (n_out // 4) if self.grouped else n_out // 2

    def channel(self, place: int, component: int) -> int:
        """Output channel of a hinge; a group has hinges of one component."""
        return 4 * (place // 2) + 2 * component + place % 2 if self.grouped else 2 * place + component


class ResidualBlock(nn.Module):
    """Adds a path to an image and activates the sum.

    Attributes:
        narrow: the last layer of the path, back to the image's channels.
        activation: what follows the sum.
    """

    narrow: ConvBn
    activation: nn.Module

    @property
    def hinge_paths(self) -> "tuple[HingePath, ...]":
        """Ways on which the block can make hinges of its input; none by default."""
        return ()

    def silence(self) -> None:
        """Makes the path 0, so that the block is its activation alone."""
        nn.init.zeros_(self.narrow.norm.weight)


class RefineNet(ResidualBlock):
    """Residual refinement of an image, 2 -> 8 -> 16 -> 2 channels (CsiNet).

    Args:
        kernels: kernel sizes of the three convolutions; CsiNet+ has larger ones.
        bias: whether the convolutions have biases.
    """

    def __init__(self, kernels: tuple[int, int, int] = (3, 3, 3), bias: bool = False) -> None:
        super().__init__()
        self.widen = ConvBn(2, 8, kernels[0], leaky_relu(), bias=bias)
        self.mix = ConvBn(8, 16, kernels[1], leaky_relu(), bias=bias)
        self.narrow = ConvBn(16, 2, kernels[2], bias=bias)
        self.activation = leaky_relu()

    @property
    def hinge_paths(self) -> tuple[HingePath, ...]:
        """The first two convolutions."""
        return (HingePath((self.widen,), self.mix, 0),)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        return self.activation(image + self.narrow(self.mix(self.widen(image))))
