"""BCsiNet: CsiNet with a binary fully connected layer at the UE (Lu, Wang, Song, 2021), in six variants."""

from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.bcsinet import BcsiNetParameters
from feedback.layers.basic import ConvBn, RefineNet, ResidualBlock, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.public_weights.pytorch import bcsinet_layers, read_public_checkpoint
from feedback.training.paper_recipes import BCSINET


class ResidualHead(ResidualBlock):
    """What head C adds to head A: 3x3 2->4, 3x3 4->2, added to the image."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = ConvBn(2, 4, 3, leaky_relu())
        self.narrow = ConvBn(4, 2, 3)
        self.activation = leaky_relu()

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        refined: Tensor = self.activation(image + self.narrow(self.widen(image)))
        return refined


@COMPRESSORS.register("bcsinet-a2")
@COMPRESSORS.register("bcsinet-a3")
@COMPRESSORS.register("bcsinet-b2")
@COMPRESSORS.register("bcsinet-b3")
@COMPRESSORS.register("bcsinet-c2")
@COMPRESSORS.register("bcsinet-c3")
class BcsiNet(FullyConnectedNetwork):
    """Convolutional head a, b or c and binary FC at the UE; FC, 2 or 3 RefineNets, convolution, sigmoid at the BS.

    Source: Z. Lu, J. Wang, J. Song, 2021, arXiv:2011.02692.
    """

    Parameters = BcsiNetParameters
    settings: BcsiNetParameters
    paper_recipe = BCSINET

    @property
    def binary_encoder(self) -> bool:
        """Always."""
        return True

    def take_weights_of_others(self) -> None:
        """Those of the repository of BCsiNet; weights that are binary there are so here."""
        assert self.settings.checkpoint is not None
        layers = bcsinet_layers(self.settings.name[-2], int(self.settings.name[-1]))
        self.load_state(read_public_checkpoint(self.settings.checkpoint, layers, self.state()))

    def build_features(self) -> nn.Module:
        """Head A: conv 3x3. Head B: twice that. Head C: that, and a residual block."""
        head = self.settings.name[-2]
        first = ConvBn(2, 2, 3, leaky_relu())
        if head == "a":
            return nn.Sequential(first)
        return nn.Sequential(first, ConvBn(2, 2, 3, leaky_relu()) if head == "b" else ResidualHead())

    def build_refinement(self) -> nn.Module:
        """RefineNets, conv 3x3 2->2 with batch norm, sigmoid."""
        blocks = [RefineNet() for _ in range(int(self.settings.name[-1]))]
        return nn.Sequential(*blocks, ConvBn(2, 2, 3), nn.Sigmoid())
