"""CsiNet+: CsiNet with larger kernels and more refinement (Guo, Wen, Jin, Li, 2020)."""

from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.csinet_plus import CsiNetPlusParameters
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import CSINET

_KERNELS = (7, 5, 3)
_BLOCKS = 5


@COMPRESSORS.register("csinet+")
class CsiNetPlus(FullyConnectedNetwork):
    """Two 7x7 convolutions and FC at the UE; FC, 7x7 convolution, five RefineNets of 7x7, 5x5, 3x3 at the BS.

    Source: J. Guo, C.-K. Wen, S. Jin, G. Y. Li, 2020, arXiv:1906.06007.
    """

    Parameters = CsiNetPlusParameters
    settings: CsiNetPlusParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """Conv 7x7 2->2, batch norm, leaky ReLU, twice."""
        return nn.Sequential(ConvBn(2, 2, 7, leaky_relu()), ConvBn(2, 2, 7, leaky_relu()))

    def build_refinement(self) -> nn.Module:
        """Conv 7x7 2->2, batch norm, leaky ReLU; five RefineNets; sigmoid."""
        blocks = [RefineNet(_KERNELS) for _ in range(_BLOCKS)]
        return nn.Sequential(ConvBn(2, 2, 7, leaky_relu()), *blocks, nn.Sigmoid())
