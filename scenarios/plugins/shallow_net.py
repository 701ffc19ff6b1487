"""A compressor of one's own in one file: FC at the UE; FC and one residual block at the BS, which start as the KLT."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from feedback.layers import ConvBn, ResidualBlock, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.networks.linear_start import LinearStartParameters


class ShallowNetParameters(LinearStartParameters):
    """Keys of ``shallow_net`` in a scenario."""

    name: Literal["shallow_net"] = "shallow_net"
    width: int = Field(default=8, ge=1, description="feature maps of the residual block")


class ShallowNet(FullyConnectedNetwork):
    """Fully connected at the UE; fully connected and one residual block at the BS."""

    Parameters = ShallowNetParameters
    settings: ShallowNetParameters

    def build_features(self) -> nn.Module:
        """Nothing before the FC layer at the UE."""
        return nn.Identity()

    def build_refinement(self) -> nn.Module:
        """Images ``[batch, 2, Na, Nt]`` to images, after the FC layer at the BS."""
        return Refinement(self.settings.width)


class Refinement(ResidualBlock):
    """Three 3x3 convolutions beside an identity shortcut, with nothing after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = ConvBn(2, width, 3, leaky_relu())
        self.mix = ConvBn(width, width, 3, leaky_relu())
        self.narrow = ConvBn(width, 2, 3)
        self.activation = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """Images to images of the same size."""
        path: Tensor = self.narrow(self.mix(self.widen(image)))
        return image + path
