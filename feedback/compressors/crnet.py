"""CRNet: multi-resolution convolutions at both sides (Lu, Wang, Song, 2020); binary and convolutional variants."""

import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.crnet import ClCrNetParameters, CrNetParameters
from feedback.initialisation.convolutions import pass_through
from feedback.layers.basic import ConvBn, HingePath, ResidualBlock, leaky_relu
from feedback.networks.convolutional import ConvolutionalLatentNetwork
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.public_weights.pytorch import crnet_layers, read_public_checkpoint
from feedback.training.paper_recipes import CRNET


class WideConvolutions(nn.Sequential):
    """Convolutions 3x3, 1x9, 9x1 of the two image channels at the UE, with leaky ReLU but after the last."""

    def __init__(self) -> None:
        super().__init__(ConvBn(2, 2, 3, leaky_relu()), ConvBn(2, 2, (1, 9), leaky_relu()), ConvBn(2, 2, (9, 1)))

    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """Makes them ``x / deviation`` for images of those statistics, ``[2]`` each."""
        first, *others = (layer for layer in self if isinstance(layer, ConvBn))
        pass_through(first, mean, variance, deviation, mean / deviation)
        for layer in others:
            pass_through(layer, mean / deviation, variance / deviation**2, 1.0, mean / deviation)


class CrNetFeatures(nn.Module):
    """Two resolutions at the UE: 3x3, 1x9, 9x1 beside 3x3, merged by 1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = WideConvolutions()
        self.local = ConvBn(2, 2, 3)
        self.activation = leaky_relu()
        self.merge = ConvBn(4, 2, 1, leaky_relu())

    @torch.no_grad()
    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """Both resolutions pass the image, scaled, and their mean is taken."""
        self.wide.start_as_identity(mean, variance, deviation)
        pass_through(self.local, mean, variance, deviation, mean / deviation)
        pass_through(self.merge, mean / deviation, variance / deviation**2, 1.0, mean / deviation)
        nn.init.zeros_(self.merge.conv.weight)
        for channel in range(2):
            self.merge.conv.weight[channel, channel::2] = 0.5

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        merged: Tensor = self.merge(self.activation(torch.cat([self.wide(image), self.local(image)], dim=1)))
        return merged


class CrBlock(ResidualBlock):
    """Two resolutions at the BS: 3x3, 1x9, 9x1 beside 1x5, 5x1, with 7 channels each, merged by 1x1.

    Args:
        reach: length of the long kernels, 9; CLNet has shorter ones.
    """

    def __init__(self, reach: int = 9) -> None:
        super().__init__()
        self.wide = nn.Sequential(
            ConvBn(2, 7, 3, leaky_relu()), ConvBn(7, 7, (1, reach), leaky_relu()), ConvBn(7, 7, (reach, 1))
        )
        self.local = nn.Sequential(ConvBn(2, 7, (1, 5), leaky_relu()), ConvBn(7, 7, (5, 1)))
        self.activation = leaky_relu()
        self.narrow = ConvBn(14, 2, 1)

    @property
    def hinge_paths(self) -> tuple[HingePath, ...]:
        """Both resolutions."""
        wide = [layer for layer in self.wide if isinstance(layer, ConvBn)]
        local = [layer for layer in self.local if isinstance(layer, ConvBn)]
        return HingePath(tuple(wide[:-1]), wide[-1], 0), HingePath(tuple(local[:-1]), local[-1], 7)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        paths = self.activation(torch.cat([self.wide(image), self.local(image)], dim=1))
        refined: Tensor = self.activation(image + self.narrow(paths))
        return refined


def crnet_refinement() -> nn.Module:
    """Conv 5x5 2->2, batch norm, leaky ReLU; two CRBlocks; sigmoid."""
    return nn.Sequential(ConvBn(2, 2, 5, leaky_relu()), CrBlock(), CrBlock(), nn.Sigmoid())


@COMPRESSORS.register("crnet")
@COMPRESSORS.register("bcrnet")
class CrNet(FullyConnectedNetwork):
    """Multi-resolution features and FC at the UE, FC and two CRBlocks at the BS; ``bcrnet``: binary FC at the UE.

    Source: Z. Lu, J. Wang, J. Song, 2020, arXiv:1910.14322.
    """

    Parameters = CrNetParameters
    settings: CrNetParameters
    paper_recipe = CRNET

    @property
    def binary_encoder(self) -> bool:
        """Only in ``bcrnet``."""
        return self.settings.name == "bcrnet"

    def take_weights_of_others(self) -> None:
        """Those of the repository of CRNet."""
        assert self.settings.checkpoint is not None
        self.load_state(read_public_checkpoint(self.settings.checkpoint, crnet_layers(), self.state()))

    def build_features(self) -> nn.Module:
        """Two resolutions, merged."""
        return CrNetFeatures()

    def build_refinement(self) -> nn.Module:
        """Conv 5x5, two CRBlocks, sigmoid."""
        return crnet_refinement()


@COMPRESSORS.register("cl-crnet")
class ClCrNet(ConvolutionalLatentNetwork):
    """CRNet with a convolutional latent space in place of its fully connected layers."""

    Parameters = ClCrNetParameters
    settings: ClCrNetParameters
    paper_recipe = CRNET

    def build_features(self) -> nn.Module:
        """Two resolutions, merged."""
        return CrNetFeatures()

    def build_refinement(self) -> nn.Module:
        """Conv 5x5, two CRBlocks, sigmoid."""
        return crnet_refinement()
