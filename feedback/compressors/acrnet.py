"""ACRNet: aggregated residual convolutions, learnt slopes (Lu and others, 2022); binary and convolutional variants."""

from typing import ClassVar

from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.acrnet import (
    AcrNetFcOptions,
    AcrNetParameters,
    BacrNetParameters,
    ClAcrNetParameters,
    QacrNetParameters,
)
from feedback.layers.aggregated import acrnet_features, acrnet_refinement
from feedback.layers.basic import CentredLinear
from feedback.layers.dynamic_linear import DynamicLinear
from feedback.networks.convolutional import ConvolutionalLatentNetwork
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.public_weights.pytorch import acrnet_layers, read_public_checkpoint
from feedback.training.paper_recipes import ACRNET


@COMPRESSORS.register("acrnet")
@COMPRESSORS.register("acrnet-1x")
@COMPRESSORS.register("acrnet-10x")
@COMPRESSORS.register("acrnet-20x")
class AcrNet(FullyConnectedNetwork):
    """Residual 1x9 and 9x1 convolutions and FC at the UE; FC and aggregated blocks of 8k channels at the BS.

    Source: Z. Lu, X. Zhang, H. He, J. Wang, J. Song, 2022, arXiv:2105.00354.
    """

    Parameters: ClassVar[type[AcrNetFcOptions]] = AcrNetParameters
    settings: AcrNetFcOptions
    paper_recipe = ACRNET

    def build_features(self) -> nn.Module:
        """Conv 5x5, two residual blocks."""
        return acrnet_features(self.settings.activation)

    def take_weights_of_others(self) -> None:
        """Those of the repository of ACRNet."""
        assert isinstance(self.settings, AcrNetParameters)
        assert self.settings.checkpoint is not None
        self.load_state(read_public_checkpoint(self.settings.checkpoint, acrnet_layers(), self.state()))

    def build_refinement(self) -> nn.Module:
        """Conv 5x5, expanded residual blocks, sigmoid."""
        options = self.settings
        return acrnet_refinement(options.activation, options.decoder_expansion, options.k)


@COMPRESSORS.register("bacrnet")
@COMPRESSORS.register("bacrnet-1x")
@COMPRESSORS.register("bacrnet-10x")
@COMPRESSORS.register("bacrnet-20x")
class BacrNet(AcrNet):
    """ACRNet with a binary FC layer at the UE, and at the BS by option."""

    Parameters = BacrNetParameters
    settings: BacrNetParameters

    @property
    def binary_encoder(self) -> bool:
        """Always."""
        return True

    @property
    def binary_decoder(self) -> bool:
        """As ``decoder_fc`` says."""
        return self.settings.decoder_fc == "binary"


@COMPRESSORS.register("qacrnet-1x")
@COMPRESSORS.register("qacrnet-10x")
class QacrNet(AcrNet):
    """ACRNet whose FC layers have 8-bit weights and inputs, by dynamic quantisation that training knows of.

    Source: Ansari, Mohassel Feghhi, Robust and Efficient CSI Compression Using CLLWCsiNet in Noisy MIMO Environments,
    Table V. The paper names neither ranges nor layers. Its counts are what is left once the FC layers are taken off,
    2632 and 22 792 numbers at any ratio, as a count of parameters in PyTorch leaves layers of 8 bits out; with them the
    networks have as many numbers as ACRNet, in a quarter of the bytes.
    """

    Parameters = QacrNetParameters
    settings: QacrNetParameters

    @property
    def encoder_fc(self) -> type[CentredLinear]:
        """Of 8-bit weights."""
        return DynamicLinear

    @property
    def decoder_fc(self) -> type[CentredLinear]:
        """Of 8-bit weights."""
        return DynamicLinear


@COMPRESSORS.register("cl-acrnet")
class ClAcrNet(ConvolutionalLatentNetwork):
    """ACRNet with a convolutional latent space in place of its fully connected layers."""

    Parameters = ClAcrNetParameters
    settings: ClAcrNetParameters
    paper_recipe = ACRNET

    def build_features(self) -> nn.Module:
        """Conv 5x5, two residual blocks."""
        return acrnet_features(self.settings.activation)

    def build_refinement(self) -> nn.Module:
        """Conv 5x5, expanded residual blocks, sigmoid."""
        options = self.settings
        return acrnet_refinement(options.activation, options.decoder_expansion, options.k)
