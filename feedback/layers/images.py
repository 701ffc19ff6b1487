"""Complex matrices as the images that networks work on: two channels in [0, 1], zero at 0.5."""

import torch
from torch import Tensor


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
