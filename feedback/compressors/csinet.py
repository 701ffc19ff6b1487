"""CsiNet: the first network for CSI feedback (Wen, Shih, Jin, 2018)."""

from typing import Literal

from pydantic import Field
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.fc_network import FullyConnectedNetwork
from feedback.layers import ConvBn, RefineNet, leaky_relu
from feedback.linear_start_network import Init
from feedback.neural import NeuralParameters
from feedback.paper_recipes import CSINET


class CsiNetParameters(NeuralParameters):
    """Parameters of ``csinet``."""

    name: Literal["csinet"] = "csinet"
    init: Init = Field(
        default="klt", description="weights that training starts from: the KLT of the training channels, or drawn ones"
    )


@COMPRESSORS.register("csinet")
class CsiNet(FullyConnectedNetwork):
    """Convolution and FC at the UE; FC, two RefineNets, convolution and sigmoid at the BS."""

    titles = ("CsiNet",)
    Parameters = CsiNetParameters
    parameters: CsiNetParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """conv 3x3 2->2, batch norm, leaky ReLU."""
        return ConvBn(2, 2, 3, leaky_relu())

    def build_refinement(self) -> nn.Module:
        """Two RefineNets, conv 3x3 2->2, sigmoid."""
        return nn.Sequential(RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())
