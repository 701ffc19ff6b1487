"""Networks without fully connected layers, whose codeword is a few feature maps over the angles."""

from abc import abstractmethod

from torch import nn

from feedback.compressor_parameters import latent_maps
from feedback.initialisation.angle_klt import start_as_angle_klt
from feedback.initialisation.problem import linear_start_problem
from feedback.initialisation.scales import with_end, with_scale
from feedback.layers.basic import ConvBn
from feedback.layers.convolutional_latent import KERNEL, ConvolutionalDecoder, ConvolutionalEncoder
from feedback.networks.linear_start import LinearStartNetwork
from feedback.training_set import TrainingSet


class ConvolutionalLatentNetwork(LinearStartNetwork):
    """A network whose FC pair is replaced by a pair of 1x7 convolutions (CLLWCsiNet paper, Table III)."""

    encoder: ConvolutionalEncoder
    decoder: ConvolutionalDecoder

    @property
    def start_problem(self) -> str | None:
        """What of the layers around the latent space cannot pass images on."""
        return linear_start_problem(self.encoder.features, self.decoder.refinement)

    def start_as_klt(self, training: TrainingSet) -> None:
        """Makes it the KLT of single angles."""
        start_as_angle_klt(self.encoder, self.decoder, training)

    @abstractmethod
    def build_features(self) -> nn.Module:
        """Images to images at the UE, before the codeword is made."""

    @abstractmethod
    def build_refinement(self) -> nn.Module:
        """Images to images at the BS, after the codeword is unmade."""

    def build_encoder(self) -> nn.Module:
        """Features, then conv 1x7 ``2 Na`` -> ``m`` with bias."""
        n_maps = latent_maps(self.shape, self.settings.compression_ratio)
        narrow = nn.Conv2d(2 * self.shape[0], n_maps, KERNEL, padding="same")
        return ConvolutionalEncoder(with_scale(self.build_features()), narrow)

    def build_decoder(self) -> nn.Module:
        """Conv 1x7 ``m`` -> ``2 Na`` with batch norm, then refinement."""
        n_maps = latent_maps(self.shape, self.settings.compression_ratio)
        return ConvolutionalDecoder(
            ConvBn(n_maps, 2 * self.shape[0], KERNEL), with_end(self.build_refinement()), n_angles=self.shape[1]
        )
