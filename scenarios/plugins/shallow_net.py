"""A compressor of one's own in one file: FC at the UE; FC and one residual convolution at the BS."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from feedback.layers import ConvBn, leaky_relu
from feedback.neural import NeuralCompressor, NeuralParameters


class ShallowNetParameters(NeuralParameters):
    """Keys of ``shallow_net`` in a scenario."""

    name: Literal["shallow_net"] = "shallow_net"
    width: int = Field(default=8, ge=1, description="feature maps of the residual block")


class ShallowNet(NeuralCompressor):
    """Fully connected at the UE; fully connected and one residual block at the BS."""

    Parameters = ShallowNetParameters
    parameters: ShallowNetParameters

    def build_encoder(self) -> nn.Module:
        """Images ``[batch, 2, Na, Nt]`` to codewords ``[batch, M]``."""
        return nn.Sequential(nn.Flatten(), nn.Linear(2 * self.shape[0] * self.shape[1], self.length))

    def build_decoder(self) -> nn.Module:
        """Codewords to images."""
        fc = nn.Linear(self.length, 2 * self.shape[0] * self.shape[1])
        return nn.Sequential(fc, nn.Unflatten(1, (2, *self.shape)), Refinement(self.parameters.width), nn.Sigmoid())


class Refinement(nn.Module):
    """Two 3x3 convolutions and an identity shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.path = nn.Sequential(ConvBn(2, width, 3, leaky_relu()), nn.Conv2d(width, 2, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Images to images of the same size."""
        return image + self.path(image)
