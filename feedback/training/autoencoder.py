"""Encoder and decoder as one module, as training runs them."""

import torch
from torch import Tensor, nn

from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior
from feedback.training.noise import with_uniform_noise


class Autoencoder(nn.Module):
    """Encoder, disturbance and decoder in one pass, for the loss of a step.

    Args:
        encoder: images to codewords.
        decoder: codewords to images.
        prior: of codewords whose bits are in the loss.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: FactorisedPrior | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior

    def forward(
        self, image: Tensor, disturbance: Disturbance | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Images to codewords as sent, to images as rebuilt from what was received, and to bits, if they count."""
        codeword = self.encoder(image)
        received = codeword if disturbance is None else disturbance.apply(codeword, generator)
        bits = None if self.prior is None else self.prior.bits(with_uniform_noise(codeword, generator))
        return codeword, self.decoder(received), bits

    def rebuilt(self, image: Tensor, disturbance: Disturbance | None, generator: torch.Generator) -> Tensor:
        """Images to images as rebuilt from what was received, as validation looks at them."""
        codeword = self.encoder(image)
        received = codeword if disturbance is None else disturbance.apply(codeword, generator)
        found: Tensor = self.decoder(received)
        return found
