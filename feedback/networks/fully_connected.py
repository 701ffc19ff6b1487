"""Networks whose codeword is made by one fully connected layer at the UE and unmade by one at the BS."""

from abc import abstractmethod
from typing import ClassVar

from torch import nn

from feedback.initialisation.klt import start_as_klt
from feedback.initialisation.problem import linear_start_problem
from feedback.initialisation.scales import with_end, with_scale
from feedback.layers.basic import CentredLinear, FullyConnectedDecoder, FullyConnectedEncoder
from feedback.layers.binary import BinaryLinear
from feedback.layers.set_later import Linear
from feedback.networks.linear_start import LinearStartNetwork, LinearStartParameters
from feedback.neural import NeuralParameters
from feedback.training_set import TrainingSet


class FullyConnectedNetwork(LinearStartNetwork):
    """Features and FC at the UE; FC and refinement at the BS: the base of a network of one's own.

    It starts as the KLT where the layers allow it. The simplest that do: nothing (``nn.Identity``) or convolutions
    ``ConvBn`` of the two image channels as features, and a refinement of residual blocks with nothing after their sum.
    What does not begin with a convolution, or not end in a sigmoid, gets an ``ImageScale`` there.
    """

    Parameters: ClassVar[type[NeuralParameters]] = LinearStartParameters

    encoder: FullyConnectedEncoder
    decoder: FullyConnectedDecoder

    @abstractmethod
    def build_features(self) -> nn.Module:
        """Images to images at the UE, before the FC layer."""

    @abstractmethod
    def build_refinement(self) -> nn.Module:
        """Images to images at the BS, after the FC layer."""

    @property
    def start_problem(self) -> str | None:
        """What of the layers around the FC pair cannot pass images on, or that binary weights are no estimator."""
        if self.binary_decoder:
            return "binary weights of the FC layer at the BS are no linear estimator"
        return linear_start_problem(self.encoder.features, self.decoder.refinement)

    @property
    def binary_encoder(self) -> bool:
        """Whether the FC layer at the UE is binary."""
        return False

    @property
    def binary_decoder(self) -> bool:
        """Whether the FC layer at the BS is binary."""
        return False

    @property
    def encoder_fc(self) -> type[CentredLinear]:
        """Kind of the FC layer at the UE."""
        return BinaryLinear if self.binary_encoder else CentredLinear

    @property
    def decoder_fc(self) -> type[nn.Linear]:
        """Kind of the FC layer at the BS."""
        return BinaryLinear if self.binary_decoder else Linear

    def build_encoder(self) -> nn.Module:
        """Features, then the FC layer."""
        fc = self.encoder_fc(2 * self.shape[0] * self.shape[1], self.length)
        return FullyConnectedEncoder(with_scale(self.build_features()), fc, self._transposed)

    def build_decoder(self) -> nn.Module:
        """The FC layer, then refinement."""
        fc = self.decoder_fc(self.length, 2 * self.shape[0] * self.shape[1])
        return FullyConnectedDecoder(fc, with_end(self.build_refinement()), self.shape, self._transposed)

    @property
    def _transposed(self) -> bool:
        return getattr(self.settings, "checkpoint", None) is not None

    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it the KLT of the training channels."""
        start_as_klt(self.encoder, self.decoder, training, self.settings.disturbance)
