"""The non-local block: every port's delays see those of every other."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.layers.basic import ResidualBlock


class NonLocalBlock(ResidualBlock):
    r"""Adds to each token a mean of all tokens, weighted by how alike they are (Wang et al., 2018, arXiv:1711.07971).

    .. math:: y_i = x_i + W \sum_j \frac{\exp(\theta(x_i)^T \phi(x_j))}{\sum_k \exp(\theta(x_i)^T \phi(x_k))} \, g(x_j)

    The embedded Gaussian, with linear maps to half as many values. A token is the delays of one port, of the real or of
    the imaginary part.

    Args:
        n_delay: values of a token.

    Attributes:
        centre: what the maps take as 0 of tokens, a scalar; 0 until a start sets it, not learnt.
        unit: what they take as 1, a scalar; 1 until a start sets it, not learnt.
    """

    centre: Tensor
    unit: Tensor

    def __init__(self, n_delay: int) -> None:
        super().__init__()
        inner = max(n_delay // 2, 1)
        self.queries = nn.Linear(n_delay, inner, bias=False)
        self.keys = nn.Linear(n_delay, inner, bias=False)
        self.values = nn.Linear(n_delay, inner, bias=False)
        self.output = nn.Linear(inner, n_delay, bias=False)
        self.activation = nn.Identity()
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("unit", torch.ones(()))

    def silence(self) -> None:
        """Makes what it adds 0."""
        nn.init.zeros_(self.output.weight)

    @torch.no_grad()
    def start(self, images: Tensor, centre: float) -> None:
        """Silences it, and takes the length of a strong token for 1.

        Exponents are products of two tokens: of those of unit deviation they would single out one token each, and a
        step of their maps another one.

        Args:
            images: what it gets less the centre, ``[n, 2, Na, Nt]``.
            centre: mean of what it gets.
        """
        self.silence()
        squares = images.square().sum(dim=2)
        self.centre.fill_(centre)
        self.unit.copy_((squares.square().mean() / squares.mean()).sqrt())

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-adds of the two products of tokens with tokens."""
        batch, _, n_delay, n_ports = inputs[0].shape
        return 2 * batch * (2 * n_ports) ** 2 * max(n_delay // 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        tokens = (image.mT.flatten(1, 2) - self.centre) / self.unit
        # One head: exports know attention with a dimension for heads alone.
        queries, keys, values = (make(tokens)[:, None] for make in (self.queries, self.keys, self.values))
        mixed = functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)
        added = self.output(mixed[:, 0]).unflatten(1, (2, -1)).mT
        return image + added
