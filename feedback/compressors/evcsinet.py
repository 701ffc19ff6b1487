"""Networks for the eigenvectors of subbands: EVCsiNet (Liu et al., 2021), and EVCsiNet-T (Xiao et al., 2022)."""

from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.evcsinet import EvCsiNetParameters, EvCsiNetTParameters
from feedback.layers.attention import RowTransformer
from feedback.layers.basic import ConvBn, RefineNet, leaky_relu
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.paper_recipes import CSINET

_UE_BLOCKS, _BS_BLOCKS = 1, 4


class OpenRefineNet(RefineNet):
    """A RefineNet with nothing after its sum, so that a chain of them is the identity once their paths are 0."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.Identity()


@COMPRESSORS.register("evcsinet")
class EvCsiNet(FullyConnectedNetwork):
    """Convolution, residual block and FC at the UE; FC and four residual blocks at the BS.

    Rows are the delays of all layers, columns the beams. Source: W. Liu, W. Tian, H. Xiao, S. Jin, X. Liu, J. Shen,
    EVCsiNet: Eigenvector-Based CSI Feedback Under 3GPP Link-Level Channels, 2021. The pattern is the paper's: a
    fully connected pair with residual convolutions. Number and widths of the blocks, RefineNets of 8 and 16 channels,
    are those of this implementation, and so is the input: the paper's network takes the eigenvectors of the subbands as
    they are.
    """

    Parameters = EvCsiNetParameters
    settings: EvCsiNetParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """Conv 3x3 2->2, batch norm, leaky ReLU; one residual block."""
        return nn.Sequential(ConvBn(2, 2, 3, leaky_relu()), *(OpenRefineNet() for _ in range(_UE_BLOCKS)))

    def build_refinement(self) -> nn.Module:
        """Four residual blocks."""
        return nn.Sequential(*(OpenRefineNet() for _ in range(_BS_BLOCKS)))


@COMPRESSORS.register("evcsinet-t")
class EvCsiNetT(FullyConnectedNetwork):
    """A transformer over the rows and FC at the UE; FC and a transformer at the BS.

    Source: H. Xiao et al., AI Enlightens Wireless Communication: A Transformer Backbone for CSI Feedback, 2022,
    arXiv:2206.07949. Tokens are rows, as there; their width and the number of layers are keys, by default as small as a
    CPU trains in minutes.
    """

    Parameters = EvCsiNetTParameters
    settings: EvCsiNetTParameters
    paper_recipe = CSINET

    def build_features(self) -> nn.Module:
        """The image and what a transformer adds."""
        return self._transformer(unit_deviation=False)

    def build_refinement(self) -> nn.Module:
        """The same at the BS."""
        return self._transformer(unit_deviation=True)

    def _transformer(self, unit_deviation: bool) -> nn.Module:
        settings = self.settings
        return RowTransformer(self.shape, settings.width, settings.layers, settings.heads, unit_deviation)
