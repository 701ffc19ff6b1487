"""Networks whose codeword is made by one fully connected layer at the UE and unmade by one at the BS."""

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from feedback.binary_fc import BinaryLinear
from feedback.layers import CentredLinear, FullyConnectedDecoder, FullyConnectedEncoder
from feedback.linear_start import start_as_klt
from feedback.neural import NeuralCompressor, NeuralParameters
from feedback.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

Init = Literal["klt", "xavier"]


class LinearStartParameters(NeuralParameters):
    """Parameters of networks that can start as the KLT."""

    init: Init | None = Field(
        default=None,
        description="weights that training starts from: the KLT of the training channels, or drawn ones; by default "
        "the KLT where the layers can be one",
    )


class FullyConnectedNetwork(NeuralCompressor):
    """Features and FC at the UE; FC and refinement at the BS."""

    encoder: FullyConnectedEncoder
    decoder: FullyConnectedDecoder

    @abstractmethod
    def build_features(self) -> nn.Module:
        """Images to images at the UE, before the FC layer."""

    @abstractmethod
    def build_refinement(self) -> nn.Module:
        """Images to images at the BS, after the FC layer."""

    @property
    def binary_encoder(self) -> bool:
        """Whether the FC layer at the UE is binary."""
        return False

    @property
    def binary_decoder(self) -> bool:
        """Whether the FC layer at the BS is binary."""
        return False

    def build_encoder(self) -> nn.Module:
        """Features, then the FC layer."""
        fc_class = BinaryLinear if self.binary_encoder else CentredLinear
        return FullyConnectedEncoder(self.build_features(), fc_class(2 * self.shape[0] * self.shape[1], self.length))

    def build_decoder(self) -> nn.Module:
        """The FC layer, then refinement."""
        fc_class = BinaryLinear if self.binary_decoder else nn.Linear
        fc = fc_class(self.length, 2 * self.shape[0] * self.shape[1])
        return FullyConnectedDecoder(fc, self.build_refinement(), self.shape)

    @property
    def starts_as_klt(self) -> bool:
        """Whether training starts from the KLT."""
        return False

    @property
    def default_recipe(self) -> TrainingRecipe:
        """The paper's for drawn weights; small steps of FC layers for a start from the KLT."""
        return TrainingRecipe() if self.starts_as_klt else self.paper_recipe

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Draws weights, then makes the network the KLT if ``init`` says so."""
        self.initialise(generator)
        if self.starts_as_klt:
            start_as_klt(self.encoder, self.decoder, training)
