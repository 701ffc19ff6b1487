"""ConvCsiNet and ShuffleCsiNet: convolutions alone, and an encoder of a third of the multiply-adds."""

from typing import ClassVar

import torch
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.convcsinet import (
    HALVINGS,
    ConvCsiNetOptions,
    ConvCsiNetParameters,
    ShuffleCsiNetParameters,
    halved_sizes,
)
from feedback.initialisation.convolutions import STATISTICS_SAMPLES, ImageStatistics
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.layers.halving import ShuffleUnit, average_pool
from feedback.layers.images import ImageScale, to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.training.paper_recipes import CSINET
from feedback.training_set import TrainingSet


@COMPRESSORS.register("convcsinet")
class ConvCsiNet(NeuralCompressor):
    """Convolutions 3x3 with average pooling at the UE; repeated rows and columns with convolutions 3x3 at the BS.

    UE: conv 2->64, 64->128, 128->256, 256->512, means of 2 x 2 after each; conv 512->m. The codeword is ``m`` maps of
    2 x 2 values for matrices of 32 x 32. BS: four times, each row and column twice and conv, m->512, 512->256,
    256->128, 128->2; two RefineNets and conv 2->2 of CsiNet. Batch norm follows all convolutions but the last, leaky
    ReLU those between.

    Source: Z. Cao, W.-T. Shih, J. Guo, C.-K. Wen, S. Jin, 2020, arXiv:2005.00438. Layers are those whose multiply-adds
    and parameters are the paper's as the BCsiNet paper (Lu, Wang, Song, 2021, arXiv:2011.02692, Table I) and the deep
    equilibrium paper (Table I) count them, to the last digit that they print. Activations, scales of images at both
    ends and the missing sigmoid are of this implementation. Means of 2 x 2 cannot pass all of an image on, so no start
    is linear.
    """

    Parameters: ClassVar[type[ConvCsiNetOptions]] = ConvCsiNetParameters
    settings: ConvCsiNetOptions
    paper_recipe = CSINET
    encoder: nn.Sequential
    decoder: nn.Sequential

    def halving_layers(self) -> list[nn.Module]:
        """Layers at the UE from images to maps of the codeword's size, 8 times as many as the first layer makes."""
        width, layers = self.settings.width, list[nn.Module]()
        for n_in, n_out in [(2, width)] + [(width << place, width << place + 1) for place in range(HALVINGS - 1)]:
            layers += [ConvBn(n_in, n_out, 3, leaky_relu()), average_pool()]
        return layers

    def build_encoder(self) -> nn.Module:
        """A scale, the halving layers, and conv 3x3 to the codeword's maps."""
        width, n_maps = self.settings.width << HALVINGS - 1, self.settings.latent_maps(self.shape)
        return nn.Sequential(ImageScale(), *self.halving_layers(), ConvBn(width, n_maps, 3), nn.Flatten())

    def build_decoder(self) -> nn.Module:
        """Maps of the codeword to an image, what refines it, and a scale."""
        n_maps, (*larger, small) = self.settings.latent_maps(self.shape), halved_sizes(self.shape)
        layers: list[nn.Module] = [nn.Unflatten(1, (n_maps, *small))]
        for place, size in reversed(list(enumerate(larger))):
            n_out = self.settings.width << place if place else 2
            layers += [nn.Upsample(size), ConvBn(n_maps, n_out, 3, leaky_relu() if place else None)]
            n_maps = n_out
        return nn.Sequential(*layers, RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), ImageScale())

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights; scales at both ends make images of unit deviation for them."""
        super().prepare(training, generator)
        deviation = ImageStatistics.of(to_unit_interval(training.train[:STATISTICS_SAMPLES])).deviation
        first, last = self.encoder[0], self.decoder[-1]
        assert isinstance(first, ImageScale)
        assert isinstance(last, ImageScale)
        first.start(1 / deviation, -0.5 / deviation)
        last.start(deviation, 0.5)


@COMPRESSORS.register("shufflecsinet")
class ShuffleCsiNet(ConvCsiNet):
    """ConvCsiNet with units of ShuffleNet V2 at the UE, which take a third of the multiply-adds.

    UE: conv 3x3 2->64; three units, 64->128, 128->256, 256->512; means of 2 x 2; conv 3x3 512->m. BS: ConvCsiNet's.

    Source: as ``ConvCsiNet``; the deep equilibrium paper's Table I counts the encoder alone.
    """

    Parameters = ShuffleCsiNetParameters

    def halving_layers(self) -> list[nn.Module]:
        """A convolution, units that halve, and means."""
        width = self.settings.width
        units = [ShuffleUnit(width << place) for place in range(HALVINGS - 1)]
        return [ConvBn(2, width, 3, leaky_relu()), *units, average_pool()]
