"""CLNet: real and imaginary part forged by one convolution, and attention to places and channels (Ji, Li, 2021)."""

import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.clnet import ClNetParameters
from feedback.layers.basic import ConvBn, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import CRNET

_FORGED = 32
_SQUEEZED = 2
_WIDTH = 7


class SpatialAttention(nn.Module):
    """Weights each place of an image by a 3x3 convolution of its channels' maximum and mean (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = ConvBn(2, 1, 3, nn.Sigmoid())

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, channels, Na, Nt]``, same shape out."""
        pooled = torch.stack([image.amax(dim=1), image.mean(dim=1)], dim=1)
        weighted: Tensor = image * self.weigh(pooled)
        return weighted


class ChannelAttention(nn.Module):
    """Weights each channel by two fully connected layers of the channels' means (squeeze and excitation)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Sequential(
            nn.Linear(channels, squeezed, bias=False),
            nn.ReLU(),
            nn.Linear(squeezed, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, channels, Na, Nt]``, same shape out."""
        weighted: Tensor = image * self.weigh(self.pool(image).flatten(1))[:, :, None, None]
        return weighted


class ClNetFeatures(nn.Module):
    """CRNet's wide path with spatial attention, beside 1x1 to 32 channels with channel attention; merged by 1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Sequential(
            ConvBn(2, 2, 3, leaky_relu()), ConvBn(2, 2, (1, 9), leaky_relu()), ConvBn(2, 2, (9, 1)), SpatialAttention()
        )
        self.forge = nn.Sequential(ConvBn(2, _FORGED, 1), ChannelAttention(_FORGED, _SQUEEZED))
        self.activation = leaky_relu()
        self.merge = ConvBn(2 + _FORGED, 2, 1, leaky_relu())

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        both = torch.cat([self.wide(image), self.forge(image)], dim=1)
        merged: Tensor = self.merge(self.activation(both))
        return merged


class ClBlock(nn.Module):
    """CRNet's block with kernels 3x3, 1x3, 3x1 beside 1x5, 5x1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            ConvBn(2, _WIDTH, 3, leaky_relu()),
            ConvBn(_WIDTH, _WIDTH, (1, 3), leaky_relu()),
            ConvBn(_WIDTH, _WIDTH, (3, 1)),
        )
        self.second = nn.Sequential(ConvBn(2, _WIDTH, (1, 5), leaky_relu()), ConvBn(_WIDTH, _WIDTH, (5, 1)))
        self.activation = leaky_relu()
        self.merge = ConvBn(2 * _WIDTH, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        both = torch.cat([self.first(image), self.second(image)], dim=1)
        refined: Tensor = self.activation(image + self.merge(self.activation(both)))
        return refined


@COMPRESSORS.register("clnet")
class ClNet(FullyConnectedNetwork):
    """Forged features with attention and FC at the UE; FC, 5x5 convolution, two blocks and a hard sigmoid at the BS.

    Source: S. Ji, M. Li, CLNet: Complex Input Lightweight Neural Network Designed for Massive MIMO CSI Feedback, 2021,
    DOI 10.1109/LWC.2021.3100493; layers are those of the authors' repository SIJIEJI/CLNet. It starts from drawn
    weights, as the attention passes no image on.
    """

    Parameters = ClNetParameters
    settings: ClNetParameters
    paper_recipe = CRNET

    def build_features(self) -> nn.Module:
        """Two paths with attention."""
        return ClNetFeatures()

    def build_refinement(self) -> nn.Module:
        """Conv 5x5 2->2, batch norm, leaky ReLU; two blocks; hard sigmoid."""
        return nn.Sequential(ConvBn(2, 2, 5, leaky_relu()), ClBlock(), ClBlock(), nn.Hardsigmoid())
