"""Both sides of a network with memory, and what they do over a sequence of reports in training."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from feedback.layers.images import from_unit_interval, to_unit_interval
from feedback.quantisers.parameters.sigmoid_uniform import SigmoidUniformParameters
from feedback.quantisers.sigmoid_uniform import SigmoidUniform
from feedback.training.autoencoder import Autoencoder
from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior

# What a side knows of each UE beyond number and place of its last report, ``[n, ...]`` each, by name.
State = Mapping[str, Tensor]


class EncoderOverTime(nn.Module, ABC):
    """The networks at the UE: of reports that stand alone, and of those that build on the one before.

    A report's place is 0 where it stands alone, 1 for the one that builds on it, and so on.
    """

    @abstractmethod
    def describe(self, csi: Tensor, state: State, place: int) -> tuple[Tensor, Tensor]:
        """Codeword values ``[n, M]``, and the number of the scale that a report tells, ``[n]``, int64.

        Args:
            csi: matrices ``[n, Na, Nt]``, complex64.
            state: what the UE knows of what the BS has rebuilt.
            place: of the reports.
        """

    def may_follow(self, csi: Tensor, state: State, place: Tensor) -> Tensor:
        """For which UEs a report of such a place, ``[n]``, makes sense, ``[n]``, bool; for all by default."""
        return torch.ones(len(csi), dtype=torch.bool, device=csi.device)


class DecoderOverTime(nn.Module, ABC):
    """The networks at the BS: of reports that stand alone, and of those that build on the one before."""

    @abstractmethod
    def rebuilt(self, values: Tensor, number: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        """Matrices ``[n, Na, Nt]``, complex64, and what is known after them.

        Args:
            values: codeword values as quantised, ``[n, M]``.
            number: of the scale, ``[n]``, int64.
            state: what is known so far.
            place: of the reports.
        """

    @abstractmethod
    def blank(self, n: int) -> State:
        """What is known of UEs that have not reported."""


class OverTimeAutoencoder(Autoencoder):
    """Encoder and decoder over sequences of reports, the first of which stands alone.

    Both sides know the same, as nothing is lost in training.

    Args:
        encoder: at the UE.
        decoder: at the BS.
        prior: none; codewords have a fixed number of bits.
        bits: of each codeword value.
    """

    encoder: EncoderOverTime
    decoder: DecoderOverTime

    def __init__(
        self, encoder: EncoderOverTime, decoder: DecoderOverTime, prior: FactorisedPrior | None, bits: int
    ) -> None:
        super().__init__(encoder, decoder, prior)
        self.quantiser = SigmoidUniform(SigmoidUniformParameters(bits=bits))

    def forward(
        self, image: Tensor, disturbance: Disturbance | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Sequences of images ``[n, T, 2, Na, Nt]`` to codewords, one behind the other, and to images as rebuilt."""
        state = self.decoder.blank(len(image))
        codewords, images = [], []
        for place, csi in enumerate(from_unit_interval(image).unbind(1)):
            values, number = self.encoder.describe(csi, state, place)
            received = self.quantiser.straight_through(values)
            rebuilt, state = self.decoder.rebuilt(received, number, state, place)
            codewords.append(values)
            images.append(to_unit_interval(rebuilt))
        return torch.cat(codewords, dim=1), torch.stack(images, dim=1), None

    def rebuilt(self, image: Tensor, disturbance: Disturbance | None, generator: torch.Generator) -> Tensor:
        """Sequences of images as the BS rebuilds them."""
        return self(image, disturbance, generator)[1]
