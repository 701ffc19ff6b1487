"""Convolutions that change how many rows and columns maps have."""

from torch import Tensor, nn


class DownsamplingConv(nn.Module):
    """Convolution, padded with zeros, of whose output every ``factor``-th row and column is kept; batch norm.

    What is not kept is not computed.

    Args:
        n_in: input channels.
        n_out: output channels.
        kernel: odd kernel size, at least ``2 factor - 1``.
        factor: by how much rows and columns become fewer.
        activation: what follows; nothing by default.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, factor: int, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, factor, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.activation = activation or nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, n_in, rows, columns]`` to ``[batch, n_out, rows / factor, columns / factor]``, rounded up."""
        made: Tensor = self.activation(self.norm(self.conv(maps)))
        return made


def spreading(
    n_in: int, n_out: int, kernel: int, factor: int, size: tuple[int, int], bias: bool = False
) -> nn.ConvTranspose2d:
    """Rows and columns of zeros between those of maps, then a convolution: a transposed one.

    Args:
        n_in: input channels.
        n_out: output channels.
        kernel: odd kernel size, at least ``2 factor - 1``.
        factor: by how much rows and columns become more.
        size: rows and columns that it makes, at most ``factor`` times those that it gets.
        bias: whether it has one.
    """
    # Rows and columns that follow the last one that is not new.
    rows, columns = ((length - 1) % factor for length in size)
    return nn.ConvTranspose2d(n_in, n_out, kernel, factor, kernel // 2, (rows, columns), bias=bias)


class UpsamplingConv(nn.Module):
    """Zeros between rows and columns, and a convolution, ``spreading``; batch norm and an activation.

    Args:
        conv: what ``spreading`` makes.
        activation: what follows.
    """

    def __init__(self, conv: nn.ConvTranspose2d, activation: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels)
        self.activation = activation

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, n_in, rows, columns]`` to ``[batch, n_out, *size]``."""
        made: Tensor = self.activation(self.norm(self.conv(maps)))
        return made
