"""LSTM layers on images over time."""

import math

import torch
from torch import Tensor, nn

# Input and output gates that are open, and forget gates that are closed, at the start as a map of single images.
_OPEN = 4.0


class ImageLstm(nn.LSTM):
    """Layers of as many units as images have values; the last one's output is the image.

    Args:
        size: values of an image, ``2 Na Nt``.
        n_layers: one on top of the other.
    """

    def __init__(self, size: int, n_layers: int) -> None:
        super().__init__(size, size, n_layers, batch_first=True)

    def reset_parameters(self) -> None:
        """Draws nothing: weights are drawn by ``initialise``, and there are a hundred million."""

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.parameters()).device

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights uniformly, within one over the square root of the units; biases 0."""
        limit = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -limit, limit, generator=generator) if parameter.dim() > 1 else nn.init.zeros_(
                parameter
            )

    @torch.no_grad()
    def start_as_identity(self) -> None:
        r"""Makes it the identity on small values, that remembers nothing.

        .. math:: h = \sigma(o) \tanh\bigl(\sigma(i) \tanh(W x)\bigr), \qquad W = I / (\sigma(i) \sigma(o))
        """
        size, open_share = self.hidden_size, 1 / (1 + math.exp(-_OPEN))
        for layer in range(self.num_layers):
            weight, bias = self.get_parameter(f"weight_ih_l{layer}"), self.get_parameter(f"bias_ih_l{layer}")
            recurrent = (self.get_parameter(f"{kind}_hh_l{layer}") for kind in ("weight", "bias"))
            for parameter in (weight, bias, *recurrent):
                parameter.zero_()
            # PyTorch's order: input, forget, cell, output.
            weight[2 * size : 3 * size].fill_diagonal_(1 / open_share**2)
            bias[:size], bias[size : 2 * size], bias[3 * size :] = _OPEN, -_OPEN, _OPEN

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Every weight once for each image."""
        images = inputs[0].numel() // self.input_size
        return images * sum(parameter.numel() for parameter in self.parameters() if parameter.dim() > 1)
