"""Convolutions and a fully connected layer at either side, in plain PyTorch."""

from typing import Literal

from torch import nn

from feedback.neural import NeuralCompressor, NeuralParameters


class PlainNetParameters(NeuralParameters):
    """Keys of ``plain_net`` in a scenario."""

    name: Literal["plain_net"] = "plain_net"


class PlainNet(NeuralCompressor):
    """Two convolutions and FC at the UE; FC, three convolutions and a sigmoid at the BS."""

    Parameters = PlainNetParameters

    def build_encoder(self) -> nn.Module:
        """Images ``[batch, 2, Na, Nt]`` to codewords ``[batch, length]``."""
        return nn.Sequential(
            *(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(8, 2, 3, padding=1), nn.Flatten()),
            nn.Linear(2 * self.shape[0] * self.shape[1], self.length),
        )

    def build_decoder(self) -> nn.Module:
        """Codewords to images."""
        return nn.Sequential(
            *(nn.Linear(self.length, 2 * self.shape[0] * self.shape[1]), nn.Unflatten(1, (2, *self.shape))),
            *(nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 2, 3, padding=1), nn.Sigmoid()),
        )
