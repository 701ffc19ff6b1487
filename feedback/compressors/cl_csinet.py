"""CL-CsiNet: CsiNet with a convolutional latent space (CLLWCsiNet paper, Table III)."""

from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.cl_csinet import ClCsiNetParameters
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.networks.convolutional import ConvolutionalLatentNetwork
from feedback.training.paper_recipes import CSINET


@COMPRESSORS.register("cl-csinet")
class ClCsiNet(ConvolutionalLatentNetwork):
    """CsiNet without fully connected layers; its convolutions have biases, as the published figures count them."""

    Parameters = ClCsiNetParameters
    settings: ClCsiNetParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """Conv 3x3 2->2, batch norm, leaky ReLU."""
        return ConvBn(2, 2, 3, leaky_relu(), bias=True)

    def build_refinement(self) -> nn.Module:
        """Two RefineNets, conv 3x3 2->2, sigmoid."""
        final = nn.Conv2d(2, 2, 3, padding="same")
        return nn.Sequential(RefineNet(bias=True), RefineNet(bias=True), final, nn.Sigmoid())
