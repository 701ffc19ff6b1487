"""The layers of ACRNet: residual blocks of thin convolutions, aggregated in groups at the BS."""

from torch import Tensor, nn

from feedback.layer_choices import Activation, Expansion
from feedback.layers.basic import LEAKY_SLOPE, ConvBn, HingePath, ResidualBlock, leaky_relu

# Channels and groups of a block at the BS that is not expanded.
_WIDTH = 8
_GROUPS = 4
_BLOCKS = 2


def activation_layer(kind: Activation, n_channels: int) -> nn.Module:
    """Leaky ReLU of slope 0.3; or of learnt slope, one for all channels (``sprelu``) or one each (``prelu``)."""
    if kind == "lrelu":
        return leaky_relu()
    return nn.PReLU(n_channels if kind == "prelu" else 1, init=LEAKY_SLOPE)


class AcrBlock(ResidualBlock):
    """A residual path of convolutions with batch norm, activated between them.

    Args:
        layers: number of output channels, kernel and groups of each convolution; the last one's channels are the
            image's.
        activation: kind of activation.
    """

    def __init__(self, layers: list[tuple[int, int | tuple[int, int], int]], activation: Activation) -> None:
        super().__init__()
        path, n_in = [], layers[-1][0]
        for n_out, kernel, groups in layers[:-1]:
            path.append(ConvBn(n_in, n_out, kernel, activation_layer(activation, n_out), groups=groups))
            n_in = n_out
        n_out, kernel, groups = layers[-1]
        self.path = nn.Sequential(*path)
        self.narrow = ConvBn(n_in, n_out, kernel, groups=groups)
        self.activation = activation_layer(activation, n_out)

    @property
    def hinge_paths(self) -> tuple[HingePath, ...]:
        """The path, where it has the layers."""
        *spread, hinge = (layer for layer in self.path if isinstance(layer, ConvBn))
        return (HingePath(tuple(spread), hinge, 0),) if spread else ()

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        refined: Tensor = self.activation(image + self.narrow(self.path(image)))
        return refined


def acrnet_features(activation: Activation) -> nn.Module:
    """Conv 5x5 2->2; two residual blocks of conv 1x9, 9x1 2->2."""
    blocks = [AcrBlock([(2, (1, 9), 1), (2, (9, 1), 1)], activation) for _ in range(2)]
    return nn.Sequential(_head(activation), *blocks)


def acrnet_refinement(activation: Activation, expansion: Expansion, k: int) -> nn.Module:
    """Conv 5x5 2->2; residual blocks of conv 1x9 2->w, 7x7 w->w in g groups, 9x1 w->2; sigmoid.

    Args:
        activation: kind of activation.
        expansion: ``aggregated``: 2 blocks of w = 8k, g = 4k. ``width``: 2 blocks of w = 8k, g = 1. ``depth``: 2k
            blocks of w = 8, g = 4.
        k: the expansion.
    """
    width = _WIDTH if expansion == "depth" else _WIDTH * k
    groups = {"aggregated": _GROUPS * k, "width": 1, "depth": _GROUPS}[expansion]
    n_blocks = _BLOCKS * k if expansion == "depth" else _BLOCKS
    blocks = [AcrBlock([(width, (1, 9), 1), (width, 7, groups), (2, (9, 1), 1)], activation) for _ in range(n_blocks)]
    return nn.Sequential(_head(activation), *blocks, nn.Sigmoid())


def _head(activation: Activation) -> ConvBn:
    return ConvBn(2, 2, 5, activation_layer(activation, 2))
