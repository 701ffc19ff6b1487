"""Transformers over the rows of an image: each row, a delay or subband with all its ports, is a token."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.layers.basic import ResidualBlock

# What brings images, which deviate by about 0.02 from 0.5, to a deviation of about 1.
_GAIN = 50.0
_POSITION_DEVIATION = 0.02


class Attention(nn.Module):
    r"""Multi-head self-attention (Vaswani et al., 2017, arXiv:1706.03762).

    .. math:: \mathrm{softmax}(Q K^T / \sqrt{d / h}) \, V

    in each of ``h`` heads, then a fully connected layer.

    Args:
        width: values of a token, ``d``.
        heads: ``h``, which divides the width.
        kind: of the layer that takes tokens.
    """

    def __init__(self, width: int, heads: int, kind: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = kind(width, 3 * width)
        self.output = nn.Linear(width, width)

    def silence(self) -> None:
        """Makes what it gives 0."""
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-adds of the two products of tokens with tokens."""
        batch, tokens, width = inputs[0].shape
        return 2 * batch * tokens * tokens * width

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, tokens, width]``, same shape out."""
        parts = self.inputs(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts)
        return self.output(mixed.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Multi-head attention of tokens to a memory: its keys and values are made of the memory's tokens.

    Args:
        width: values of a token.
        heads: of the attention, which divide the width.
        kind: of the layer that takes tokens.
    """

    def __init__(self, width: int, heads: int, kind: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.heads = heads
        self.queries = kind(width, width)
        self.memory = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def silence(self) -> None:
        """Makes what it gives 0."""
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-adds of the two products of tokens with the memory's."""
        batch, tokens, width = inputs[0].shape
        return 2 * batch * tokens * inputs[1].shape[1] * width

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """``[batch, tokens, width]`` and ``[batch, others, width]``; the first shape out."""
        queries = self.queries(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
        keys, values = self.memory(memory).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        return self.output(mixed.transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """Attention and two fully connected layers, each added to its input, which is normalised before.

    Args:
        width: values of a token.
        heads: of the attention.
        hidden: values between the fully connected layers.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.second_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, tokens, width]``, same shape out."""
        tokens = tokens + self.attention(self.first_norm(tokens))
        return tokens + self.narrow(functional.gelu(self.widen(self.second_norm(tokens))))


class RowTransformer(ResidualBlock):
    """An image, and what a transformer over its rows adds to it; nothing after the sum.

    At the UE it may start as ``x / deviation``, at the BS as the identity.

    Args:
        shape: rows and ports of the image.
        width: values of a token.
        layers: transformer layers.
        heads: of each attention.
        unit_deviation: whether it takes deviations from the mean image, of unit deviation, in place of images.
    """

    scale: Tensor

    def __init__(
        self, shape: tuple[int, int], width: int, layers: int, heads: int, unit_deviation: bool = False
    ) -> None:
        super().__init__()
        self.mean, self.gain = (0.0, 1.0) if unit_deviation else (0.5, _GAIN)
        rows, ports = shape
        self.embed = nn.Linear(2 * ports, width)
        self.positions = nn.Parameter(torch.zeros(rows, width))
        self.layers = nn.Sequential(*(TransformerLayer(width, heads, 2 * width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 2 * ports)
        self.activation = nn.Identity()
        self.register_buffer("scale", torch.ones(()))

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """None of its own: positions are added."""
        return 0

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the positions; its path starts small."""
        nn.init.normal_(self.positions, std=_POSITION_DEVIATION, generator=generator)
        nn.init.ones_(self.scale)

    def silence(self) -> None:
        """Makes the path 0."""
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    @torch.no_grad()
    def start_as_identity(self, mean: Tensor, variance: Tensor, deviation: float) -> None:
        """The image, scaled, and a path of 0."""
        self.scale.fill_(1 / deviation)
        self.silence()

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, rows, ports]``, same shape out."""
        tokens = self.embed((image - self.mean).transpose(1, 2).flatten(2) * self.gain) + self.positions
        added = self.project(self.norm(self.layers(tokens))).unflatten(2, (2, -1)).transpose(1, 2)
        # The path's values are of unit deviation, as tokens are.
        return (image + added / self.gain) * self.scale
