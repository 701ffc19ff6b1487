"""Convolutional latent spaces: the codeword is a few feature maps over the angles (CL networks).

The delay rows of real and imaginary part become ``2 Na`` channels over the ``Nt`` angles, ``[2 Na, 1, Nt]``; a
convolution along the angles narrows them to ``m`` maps, and the codeword is those ``m x Nt`` values.
"""

from torch import Tensor, nn

KERNEL = (1, 7)


def to_rows(image: Tensor) -> Tensor:
    """Images ``[batch, 2, Na, Nt]`` as channels over angles, ``[batch, 2 Na, 1, Nt]``."""
    return image.flatten(1, 2).unsqueeze(2)


def to_image(rows: Tensor) -> Tensor:
    """Channels over angles ``[batch, 2 Na, 1, Nt]`` as images, ``[batch, 2, Na, Nt]``."""
    return rows.squeeze(2).unflatten(1, (2, -1))


class ConvolutionalEncoder(nn.Module):
    """Images to codewords, ``[batch, 2, Na, Nt]`` to ``[batch, m Nt]``.

    Args:
        features: maps images to images of the same shape.
        narrow: maps ``[batch, 2 Na, 1, Nt]`` to ``[batch, m, 1, Nt]``.
    """

    def __init__(self, features: nn.Module, narrow: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.narrow = narrow

    def forward(self, image: Tensor) -> Tensor:
        """Codewords of images."""
        codeword: Tensor = self.narrow(to_rows(self.features(image)))
        return codeword.flatten(1)


class ConvolutionalDecoder(nn.Module):
    """Codewords to images, ``[batch, m Nt]`` to ``[batch, 2, Na, Nt]``.

    Args:
        widen: maps ``[batch, m, 1, Nt]`` to ``[batch, 2 Na, 1, Nt]``.
        refinement: maps images to images of the same shape.
        n_angles: ``Nt``.
    """

    def __init__(self, widen: nn.Module, refinement: nn.Module, n_angles: int) -> None:
        super().__init__()
        self.widen = widen
        self.refinement = refinement
        self.n_angles = n_angles

    def forward(self, codeword: Tensor) -> Tensor:
        """Images of codewords."""
        refined: Tensor = self.refinement(to_image(self.widen(codeword.unflatten(1, (-1, 1, self.n_angles)))))
        return refined
