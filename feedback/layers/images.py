"""Complex matrices as the images that networks work on: two channels in [0, 1], zero at 0.5."""

import torch
from torch import Tensor, nn


class ImageScale(nn.Module):
    r"""Brings images to another scale, :math:`y = a x + b`; the identity until a start sets it, not learnt.

    A step of Muon is as long whatever the weights are, so those next to it should have the same size in all networks:
    that for values of unit deviation, which images, 0.5 plus some hundredths, are not.

    Attributes:
        factor: :math:`a`, a scalar.
        offset: :math:`b`, a scalar.
    """

    factor: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.ones(()))
        self.register_buffer("offset", torch.zeros(()))

    @torch.no_grad()
    def start(self, factor: float, offset: float) -> None:
        """Sets both."""
        self.factor.fill_(factor)
        self.offset.fill_(offset)

    def forward(self, image: Tensor) -> Tensor:
        """Images of any shape, same shape out."""
        return self.factor * image + self.offset


def to_unit_interval(csi: Tensor) -> Tensor:
    """Normalised angular-delay matrices to images.

    Args:
        csi: ``[..., Na, Nt]``, complex, largest modulus 1.

    Returns:
        ``x = 0.5 + h / 2``, real and imaginary part as channels, ``[..., 2, Na, Nt]``, within [0, 1].
    """
    return torch.stack([csi.real, csi.imag], dim=-3) / 2 + 0.5


def from_unit_interval(image: Tensor) -> Tensor:
    """Images ``[..., 2, Na, Nt]`` to complex matrices ``[..., Na, Nt]``, the offset removed: ``h = 2 (x - 0.5)``."""
    real, imaginary = (2 * image - 1).unbind(dim=-3)
    return torch.complex(real.contiguous(), imaginary.contiguous())
