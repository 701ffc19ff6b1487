"""CLNet: real and imaginary part forged by one convolution, and attention to places and channels (Ji, Li, 2021)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.compressor import COMPRESSORS
from feedback.compressors.crnet import CrBlock, WideConvolutions
from feedback.compressors.parameters.clnet import ClNetParameters
from feedback.initialisation.convolutions import start_norm
from feedback.layers.basic import LEAKY_SLOPE, ConvBn, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import CRNET

_FORGED = 32
_SQUEEZED = 2
# Of the long kernels of a CRBlock.
_REACH = 3


class SpatialAttention(nn.Module):
    """Weights each place of an image by a 3x3 convolution of its channels' maximum and mean (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = ConvBn(2, 1, 3, nn.Sigmoid())

    def start_even(self) -> None:
        """All places get the same weight, 0.5."""
        nn.init.zeros_(self.weigh.norm.weight)

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
        self.squeeze = nn.Linear(channels, squeezed, bias=False)
        self.excite = nn.Linear(squeezed, channels, bias=False)

    def start_even(self) -> None:
        """All channels get the same weight, 0.5."""
        nn.init.zeros_(self.excite.weight)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, channels, Na, Nt]``, same shape out."""
        squeezed = functional.relu(self.squeeze(self.pool(image).flatten(1)))
        weighted: Tensor = image * self.excite(squeezed).sigmoid()[:, :, None, None]
        return weighted


class ClNetFeatures(nn.Module):
    """CRNet's wide path with spatial attention, beside 1x1 to 32 channels with channel attention; merged by 1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = WideConvolutions()
        self.places = SpatialAttention()
        self.forge = ConvBn(2, _FORGED, 1)
        self.channels = ChannelAttention(_FORGED, _SQUEEZED)
        self.activation = leaky_relu()
        self.merge = ConvBn(2 + _FORGED, 2, 1, leaky_relu())

    @torch.no_grad()
    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """Both paths pass the image, scaled, and attention halves both; of forged channels every second is an opposite.

        With ``f`` the leaky ReLU of slope ``s``, :math:`f(x) - f(-x) = (1 + s) x`.
        """
        self.wide.start_as_identity(mean, variance, deviation)
        self.places.start_even()
        self.channels.start_even()
        mixing = self.forge.conv.weight[::2, :, 0, 0]
        self.forge.conv.weight[1::2, :, 0, 0] = -mixing
        signed = torch.stack([mixing, -mixing], dim=1).flatten(0, 1)
        start_norm(self.forge.norm, signed @ mean, signed.square() @ variance, 1 / deviation, mean.new_zeros(_FORGED))
        unmixing = torch.linalg.pinv(mixing) / (1 + LEAKY_SLOPE)
        merging = torch.cat(
            [torch.eye(2, device=mean.device), torch.stack([unmixing, -unmixing], dim=2).flatten(1)], dim=1
        )
        self.merge.conv.weight.copy_(merging[:, :, None, None])
        # Forged channels have no mean.
        start_norm(self.merge.norm, 0.5 * mean / deviation, variance / deviation**2, 1.0, mean / deviation)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        both = torch.cat([self.places(self.wide(image)), self.channels(self.forge(image))], dim=1)
        merged: Tensor = self.merge(self.activation(both))
        return merged


@COMPRESSORS.register("clnet")
class ClNet(FullyConnectedNetwork):
    """Forged features with attention and FC at the UE; FC, 5x5 convolution, two blocks and a hard sigmoid at the BS.

    Source: S. Ji, M. Li, CLNet: Complex Input Lightweight Neural Network Designed for Massive MIMO CSI Feedback, 2021,
    DOI 10.1109/LWC.2021.3100493; layers are those of the authors' repository SIJIEJI/CLNet.
    """

    Parameters = ClNetParameters
    settings: ClNetParameters
    paper_recipe = CRNET

    def build_features(self) -> nn.Module:
        """Two paths with attention."""
        return ClNetFeatures()

    def build_refinement(self) -> nn.Module:
        """Conv 5x5 2->2, batch norm, leaky ReLU; two CRBlocks with kernels of 3 in place of 9; hard sigmoid."""
        return nn.Sequential(ConvBn(2, 2, 5, leaky_relu()), CrBlock(_REACH), CrBlock(_REACH), nn.Hardsigmoid())
