"""Layers that halve rows and columns of feature maps: average pooling, and a unit of ShuffleNet V2."""

import torch
from torch import Tensor, nn

from feedback.layers.basic import ConvBn, leaky_relu


def average_pool() -> nn.AvgPool2d:
    """Means of 2 x 2 values, of fewer at an edge of odd length."""
    return nn.AvgPool2d(2, ceil_mode=True)


class DepthwiseHalving(nn.Module):
    """A 3 x 3 kernel for each map, of whose output every second row and column is kept; batch norm.

    Args:
        n_maps: in and out.
    """

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_maps, n_maps, 3, 2, 1, groups=n_maps, bias=False)
        self.norm = nn.BatchNorm2d(n_maps)

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, n_maps, rows, columns]`` to ``[batch, n_maps, rows / 2, columns / 2]``, rounded up."""
        made: Tensor = self.norm(self.conv(maps))
        return made


class ShuffleUnit(nn.Module):
    """Twice as many maps of half as many rows and columns: the spatial down-sampling unit of ShuffleNet V2.

    One branch is depthwise and then 1 x 1, the other 1 x 1, depthwise, 1 x 1, and their maps stand one behind the
    other. To shuffle them would only rename them: the next layer takes all.

    Args:
        n_maps: of the input.

    Source: N. Ma, X. Zhang, H.-T. Zheng, J. Sun, 2018, arXiv:1807.11164, figure 3 (d).
    """

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.short = nn.Sequential(DepthwiseHalving(n_maps), ConvBn(n_maps, n_maps, 1, leaky_relu()))
        self.long = nn.Sequential(
            ConvBn(n_maps, n_maps, 1, leaky_relu()),
            DepthwiseHalving(n_maps),
            ConvBn(n_maps, n_maps, 1, leaky_relu()),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, n_maps, rows, columns]`` to ``[batch, 2 n_maps, rows / 2, columns / 2]``, rounded up."""
        return torch.cat([self.short(maps), self.long(maps)], dim=1)
