"""DeepCMC: convolutions alone, with rounded and entropy-coded codewords whose bits are in the loss."""

from torch import Tensor, nn
from torch.nn import functional

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.deepcmc import REDUCTIONS, DeepCmcParameters, map_sizes
from feedback.layers.basic import ConvBn, leaky_relu
from feedback.neural import NeuralCompressor
from feedback.training.paper_recipes import CSINET

_OUTER, _INNER = 9, 5
_BLOCKS = 2


class Spread(nn.Module):
    """Nearest neighbours: maps of more rows and columns.

    Args:
        size: rows and columns that it makes.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, channels, ...]`` to ``[batch, channels, *size]``."""
        return functional.interpolate(maps, self.size)


class TwoConvolutions(nn.Module):
    """Two convolutions, each with batch norm and leaky ReLU, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.path = nn.Sequential(*(ConvBn(width, width, _INNER, leaky_relu()) for _ in range(2)))

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, width, rows, columns]``, same shape out."""
        added: Tensor = maps + self.path(maps)
        return added


class ResidualMaps(nn.Module):
    """Two pairs of convolutions, each added to its input, and their input added to all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(TwoConvolutions(width) for _ in range(_BLOCKS)))

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, width, rows, columns]``, same shape out."""
        added: Tensor = maps + self.blocks(maps)
        return added


class MapsToImage(nn.Sequential):
    """Codewords ``[batch, M]`` to images, by layers that work on the codeword's maps.

    Args:
        size: rows and columns of a map of the codeword.
        layers: in order.
    """

    def __init__(self, size: tuple[int, int], *layers: nn.Module) -> None:
        super().__init__(nn.Unflatten(1, (-1, *size)), *layers)


@COMPRESSORS.register("deepcmc")
class DeepCmc(NeuralCompressor):
    r"""Convolutions at the UE, each followed by fewer rows and columns; the way back and residual blocks at the BS.

    UE: conv 9x9 2->256, means of 4x4; conv 5x5 256->256, means of 2x2; conv 5x5 256->m, means of 2x2. The codeword is
    ``m`` maps of 2 x 2 values for matrices of 32 x 32; the paper's 256 maps are a compression ratio of 2, and others
    have as many as the ratio says. BS: twice as many rows and columns, conv 5x5; two residual blocks of two
    conv 5x5; twice, conv 5x5; four times, conv 9x9 256->2, sigmoid. Batch norm and leaky ReLU follow all but the last
    of each side, which has no activation at the UE.

    Values are rounded, and their bits are in the loss, :math:`D + \lambda R` (``disturbance.rate_weight``), under
    distributions that are learnt with the network; the quantiser ``entropy_coded`` with step 1 makes the bits. So the
    number of bits follows from :math:`\lambda` and not from the ratio.

    Source: Q. Yang, M. B. Mashhadi, D. Gunduz, 2019, arXiv:1907.02942. Kernels, widths and factors are those whose
    multiply-adds and parameters are the paper's as the BCsiNet paper (Lu, Wang, Song, 2021, arXiv:2011.02692, Table I)
    counts them; that a convolution works on all rows and columns before they become fewer follows from that count.
    Means, nearest neighbours and the slope of the activation are those of this implementation, and no weights ship.
    """

    Parameters = DeepCmcParameters
    settings: DeepCmcParameters
    paper_recipe = CSINET

    def build_encoder(self) -> nn.Module:
        """Convolutions, each followed by means of patches."""
        width, n_maps = self.settings.width, self.settings.latent_maps(self.shape)
        first, second, third = (nn.AvgPool2d(factor, ceil_mode=True) for factor in REDUCTIONS)
        return nn.Sequential(
            *(ConvBn(2, width, _OUTER, leaky_relu()), first),
            *(ConvBn(width, width, _INNER, leaky_relu()), second),
            *(ConvBn(width, n_maps, _INNER), third),
            nn.Flatten(),
        )

    def build_decoder(self) -> nn.Module:
        """Nearest neighbours, each followed by a convolution; residual blocks after the first."""
        width, n_maps = self.settings.width, self.settings.latent_maps(self.shape)
        image, wide, middle, small = map_sizes(self.shape)
        return MapsToImage(
            small,
            *(Spread(middle), ConvBn(n_maps, width, _INNER, leaky_relu()), ResidualMaps(width)),
            *(Spread(wide), ConvBn(width, width, _INNER, leaky_relu())),
            *(Spread(image), nn.Conv2d(width, 2, _OUTER, padding="same"), nn.Sigmoid()),
        )
