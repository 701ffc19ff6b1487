"""CsiNet: the first network for CSI feedback (Wen, Shih, Jin, 2018)."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.layers import ConvBn, FullyConnectedDecoder, FullyConnectedEncoder, RefineNet, leaky_relu
from feedback.linear_start import start_as_klt
from feedback.neural import NeuralCompressor, NeuralParameters
from feedback.training_set import TrainingSet


class CsiNetParameters(NeuralParameters):
    """Parameters of ``csinet``."""

    name: Literal["csinet"] = "csinet"
    init: Literal["klt", "xavier"] = Field(
        default="klt", description="weights that training starts from: the KLT of the training channels, or drawn ones"
    )


@COMPRESSORS.register("csinet")
class CsiNet(NeuralCompressor):
    """Convolution and FC at the UE; FC, two RefineNets, convolution and sigmoid at the BS."""

    Parameters = CsiNetParameters
    parameters: CsiNetParameters
    encoder: FullyConnectedEncoder
    decoder: FullyConnectedDecoder

    def build_encoder(self) -> nn.Module:
        """conv 3x3 2->2, batch norm, leaky ReLU, FC."""
        return FullyConnectedEncoder(ConvBn(2, 2, 3, leaky_relu()), self.shape, self.length)

    def build_decoder(self) -> nn.Module:
        """FC, two RefineNets, conv 3x3 2->2, sigmoid."""
        refinement = nn.Sequential(RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())
        return FullyConnectedDecoder(refinement, self.shape, self.length)

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights, then makes the network the KLT if ``init`` says so."""
        self.initialise(generator)
        if self.parameters.init == "klt":
            start_as_klt(self.encoder, self.decoder, training)
