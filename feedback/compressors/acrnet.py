"""ACRNet: aggregated residual convolutions, learnt slopes (Lu and others, 2022); binary and convolutional variants."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.layers.aggregated import Activation, Expansion, acrnet_features, acrnet_refinement
from feedback.networks.convolutional import ConvolutionalLatentNetwork
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.networks.linear_start import LinearStartParameters
from feedback.neural import NeuralParameters
from feedback.public_weights.pytorch import PublicWeightsParameters, acrnet_layers, read_public_checkpoint
from feedback.training.paper_recipes import ACRNET


class _AcrNetOptions(NeuralParameters):
    """Parameters of the whole family. A name that ends in ``-10x`` fixes the expansion at 10."""

    expansion: int | None = Field(
        default=None, ge=1, le=100, description="k of ACRNet-kx; by default that of the name, or 1"
    )
    activation: Activation = Field(
        default="prelu", description="leaky ReLU of slope 0.3, or slopes learnt: one a layer (sprelu), one a channel"
    )
    decoder_expansion: Expansion = Field(
        default="aggregated",
        description="what the expansion multiplies: channels in groups of 2, channels in one group (width), or blocks",
    )

    @model_validator(mode="after")
    def _one_expansion(self) -> Self:
        if self.expansion is not None and self.expansion != (self.named_expansion or self.expansion):
            raise ValueError(f"expansion is {self.expansion}, expected {self.named_expansion} as {self.name!r} says")
        return self

    @property
    def named_expansion(self) -> int | None:
        """The expansion that the name says, if any."""
        last = self.name.rpartition("-")[2]
        return int(last[:-1]) if last.endswith("x") else None

    @property
    def k(self) -> int:
        """The expansion."""
        return self.named_expansion or self.expansion or 1


class _AcrNetFcOptions(_AcrNetOptions, LinearStartParameters):
    """Parameters of those with FC layers."""

    @property
    def allows_klt(self) -> bool:
        """Whether the layers can be linear at the start: the slopes of activations have to be learnt ones."""
        return self.activation != "lrelu"

    @model_validator(mode="after")
    def _start_allowed(self) -> Self:
        if self.init == "klt" and not self.allows_klt:
            raise ValueError("init is 'klt', expected 'xavier' for activation 'lrelu' or a binary decoder_fc")
        return self


class AcrNetParameters(_AcrNetFcOptions, PublicWeightsParameters):
    """Parameters of ``acrnet``; the names in -kx fix its expansion."""

    name: Literal["acrnet", "acrnet-1x", "acrnet-10x", "acrnet-20x"]

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.checkpoint is not None and (self.activation, self.decoder_expansion) != ("prelu", "aggregated"):
            raise ValueError(
                f"checkpoint is given with activation {self.activation!r} and decoder_expansion "
                f"{self.decoder_expansion!r}, expected prelu and aggregated as in the public ones"
            )
        return self


@COMPRESSORS.register("acrnet")
@COMPRESSORS.register("acrnet-1x")
@COMPRESSORS.register("acrnet-10x")
@COMPRESSORS.register("acrnet-20x")
class AcrNet(FullyConnectedNetwork):
    """Residual 1x9 and 9x1 convolutions and FC at the UE; FC and aggregated blocks of 8k channels at the BS.

    Source: Z. Lu, X. Zhang, H. He, J. Wang, J. Song, 2022, arXiv:2105.00354.
    """

    titles = ("ACRNet", "ACRNet-1x", "ACRNet-10x", "ACRNet-20x")
    Parameters: ClassVar[type[_AcrNetFcOptions]] = AcrNetParameters
    settings: _AcrNetFcOptions
    paper_recipe = ACRNET

    @property
    def starts_as_klt(self) -> bool:
        """Where the layers allow it, unless ``init`` says otherwise."""
        return self.settings.init != "xavier" and self.settings.allows_klt

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


class BacrNetParameters(_AcrNetFcOptions):
    """Parameters of ``bacrnet``; the names in -kx fix its expansion."""

    name: Literal["bacrnet", "bacrnet-1x", "bacrnet-10x", "bacrnet-20x"]
    decoder_fc: Literal["full", "binary"] = Field(default="full", description="weights of the FC layer at the BS")

    @property
    def allows_klt(self) -> bool:
        """As ACRNet's, and binary weights at the BS are no linear estimator."""
        return super().allows_klt and self.decoder_fc == "full"


@COMPRESSORS.register("bacrnet")
@COMPRESSORS.register("bacrnet-1x")
@COMPRESSORS.register("bacrnet-10x")
@COMPRESSORS.register("bacrnet-20x")
class BacrNet(AcrNet):
    """ACRNet with a binary FC layer at the UE, and at the BS by option."""

    titles = ("BACRNet", "BACRNet-1x", "BACRNet-10x", "BACRNet-20x")
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


class ClAcrNetParameters(_AcrNetFcOptions):
    """Parameters of ``cl-acrnet``."""

    name: Literal["cl-acrnet"] = "cl-acrnet"


@COMPRESSORS.register("cl-acrnet")
class ClAcrNet(ConvolutionalLatentNetwork):
    """ACRNet with a convolutional latent space in place of its fully connected layers."""

    titles = ("CL-ACRNet",)
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
