"""DeepCMC: convolutions alone, with rounded and entropy-coded codewords whose bits are in the loss."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.deepcmc import REDUCTIONS, DeepCmcParameters, map_sizes
from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics
from feedback.initialisation.patch_klt import start_as_patch_klt
from feedback.layers.basic import ConvBn, leaky_relu
from feedback.layers.images import ImageScale, to_unit_interval
from feedback.layers.resampling import DownsamplingConv, UpsamplingConv, spreading
from feedback.networks.linear_start import LinearStartNetwork
from feedback.training.paper_recipes import CSINET
from feedback.training_set import TrainingSet

_OUTER, _INNER = 9, 5
_BLOCKS = 2


class TwoConvolutions(nn.Module):
    """Two convolutions, each with batch norm and leaky ReLU, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (ConvBn(width, width, _INNER, leaky_relu()) for _ in range(2))

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, width, rows, columns]``, same shape out."""
        added: Tensor = maps + self.second(self.first(maps))
        return added


class ResidualMaps(nn.Module):
    """Two pairs of convolutions, each added to its input, and their input added to all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(TwoConvolutions(width) for _ in range(_BLOCKS)))

    def silence(self) -> None:
        """Makes the pairs 0, so that what comes out is twice what comes in."""
        for block in self.blocks:
            assert isinstance(block, TwoConvolutions)
            nn.init.zeros_(block.second.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """``[batch, width, rows, columns]``, same shape out."""
        added: Tensor = maps + self.blocks(maps)
        return added


class MapsEncoder(nn.Module):
    """Images to codewords, ``[batch, 2, Na, Nt]`` to ``[batch, M]``: a scale, convolutions, all their maps.

    Args:
        layers: in order.
    """

    def __init__(self, *layers: DownsamplingConv) -> None:
        super().__init__()
        self.scale = ImageScale()
        self.layers = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> Tensor:
        """Codewords of images."""
        maps = self.scale(image)
        for layer in self.layers:
            maps = layer(maps)
        return maps.flatten(1)


class MapsDecoder(nn.Module):
    """Codewords to images, ``[batch, M]`` to ``[batch, 2, Na, Nt]``: convolutions of the codeword's maps, a scale.

    Args:
        size: rows and columns of a map of the codeword.
        layers: of more rows and columns each, in order.
        refinement: follows the first of them.
        last: makes the two channels of the image.
    """

    def __init__(
        self,
        size: tuple[int, int],
        layers: Sequence[UpsamplingConv],
        refinement: ResidualMaps,
        last: nn.ConvTranspose2d,
    ) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.ModuleList(layers)
        self.refinement = refinement
        self.last = last
        self.scale = ImageScale()

    def forward(self, codeword: Tensor) -> Tensor:
        """Images of codewords."""
        maps = codeword.unflatten(1, (-1, *self.size))
        for place, layer in enumerate(self.layers):
            maps = layer(maps)
            maps = maps if place else self.refinement(maps)
        image: Tensor = self.scale(self.last(maps))
        return image


@COMPRESSORS.register("deepcmc")
class DeepCmc(LinearStartNetwork):
    r"""Convolutions at the UE, each followed by fewer rows and columns; the way back and residual blocks at the BS.

    UE: conv 9x9 2->256, every 4th row and column; conv 5x5 256->256, every 2nd; conv 5x5 256->m, every 2nd. The
    codeword is ``m`` maps of 2 x 2 values for matrices of 32 x 32; the paper's 256 maps are a compression ratio of 2,
    and others have as many as the ratio says. BS: twice as many rows and columns, conv 5x5; two residual blocks of two
    conv 5x5; twice, conv 5x5; four times, conv 9x9 256->2. Batch norm and leaky ReLU follow all but the last
    of each side; that of the UE has batch norm alone.

    Values are rounded, and their bits are in the loss, :math:`D + \lambda R` (``disturbance.rate_weight``), under
    distributions that are learnt with the network; the quantiser ``entropy_coded`` with step 1 makes the bits. So the
    number of bits follows from :math:`\lambda` and not from the ratio.

    Source: Q. Yang, M. B. Mashhadi, D. Gunduz, 2019, arXiv:1907.02942. Kernels, widths and factors are those whose
    multiply-adds and parameters are the paper's as the BCsiNet paper (Lu, Wang, Song, 2021, arXiv:2011.02692, Table I)
    counts them. It counts a convolution at the UE at all places; those that are not kept are not computed here, nor are
    products with the zeros that stand between rows and columns at the BS. That rows and columns are left out, and zeros
    put between them, is how networks of that kind have it (Balle, Laparra, Simoncelli, 2017, arXiv:1611.01704); it and
    the slope of the activation are of this implementation. It starts as a KLT of patches of patches.
    """

    Parameters = DeepCmcParameters
    settings: DeepCmcParameters
    paper_recipe = CSINET
    encoder: MapsEncoder
    decoder: MapsDecoder

    @property
    def start_problem(self) -> str | None:
        """Why complex values have no room in it, in a few words; ``None`` where they have."""
        return self.settings.start_problem(self.shape)

    def build_encoder(self) -> nn.Module:
        """Convolutions, of each of which some rows and columns are kept."""
        width, n_maps = self.settings.width, self.settings.latent_maps(self.shape)
        first, second, third = REDUCTIONS
        return MapsEncoder(
            DownsamplingConv(2, width, _OUTER, first, leaky_relu()),
            DownsamplingConv(width, width, _INNER, second, leaky_relu()),
            DownsamplingConv(width, n_maps, _INNER, third),
        )

    def build_decoder(self) -> nn.Module:
        """Convolutions, each after more rows and columns; residual blocks after the first."""
        width, n_maps = self.settings.width, self.settings.latent_maps(self.shape)
        image, wide, middle, small = map_sizes(self.shape)
        first, second, third = REDUCTIONS
        layers = (
            UpsamplingConv(spreading(n_maps, width, _INNER, third, middle), leaky_relu()),
            UpsamplingConv(spreading(width, width, _INNER, second, wide), leaky_relu()),
        )
        last = spreading(width, 2, _OUTER, first, image, bias=True)
        return MapsDecoder(small, layers, ResidualMaps(width), last)

    @torch.no_grad()
    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it a KLT of patches of patches; residual blocks are 0."""
        images = to_unit_interval(training.train[:STATISTICS_SAMPLES])
        deviation = ImageStatistics.of(images).deviation
        self.encoder.scale.start(1 / deviation, -0.5 / deviation)
        self.decoder.scale.start(deviation, 0.5)
        self.decoder.refinement.silence()
        down = [layer for layer in self.encoder.layers if isinstance(layer, DownsamplingConv)]
        up = [layer for layer in self.decoder.layers if isinstance(layer, UpsamplingConv)]
        start_as_patch_klt(down, up, self.decoder.last, (images - 0.5) / deviation, self.settings.disturbance)
        # Residual blocks whose pairs are 0 give twice what they get.
        for gains in (up[0].norm.weight, up[0].norm.bias):
            gains.div_(2)
