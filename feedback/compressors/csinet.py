"""CsiNet: the first network for CSI feedback (Wen, Shih, Jin, 2018)."""

from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.csinet import CsiNetParameters
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.public_weights.keras import keras_features, keras_refinement, read_keras_state
from feedback.training.paper_recipes import CSINET


@COMPRESSORS.register("csinet")
class CsiNet(FullyConnectedNetwork):
    """Convolution and FC at the UE; FC, two RefineNets, convolution and sigmoid at the BS.

    Source: C.-K. Wen, W.-T. Shih, S. Jin, 2018, arXiv:1712.08919.
    """

    Parameters = CsiNetParameters
    settings: CsiNetParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """Conv 3x3 2->2, batch norm, leaky ReLU."""
        if self.settings.keras is not None:
            return keras_features(self.shape[0])
        return ConvBn(2, 2, 3, leaky_relu())

    def take_weights_of_others(self) -> None:
        """The public Keras weights."""
        assert self.settings.keras is not None
        self.load_state(read_keras_state(self.settings.keras, self.shape, self.state()))

    def build_refinement(self) -> nn.Module:
        """Two RefineNets, conv 3x3 2->2, sigmoid."""
        if self.settings.keras is not None:
            return keras_refinement(self.shape[0])
        return nn.Sequential(RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())
