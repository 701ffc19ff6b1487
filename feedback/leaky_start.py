r"""Makes the last residual block of a decoder give logits, where its own activation is a leaky ReLU (CRNet, CsiNet+).

Nothing but a sigmoid follows such a block, so its output has both signs, and its activation, whose slope ``s`` is not
learnt, cannot pass it on. With the logit ``z``, an offset ``o`` that keeps the block's input positive, and the leaky
ReLU ``L``, :math:`L(-L(-z) / s) = z`. So the block is :math:`z + o \to z` if its path is

.. math:: -L(-z) / s - z - o, \qquad z = \frac{L(z) - L(-z)}{1 + s},

a sum of :math:`L(z)` and :math:`L(-z)`, which the layers of the path can make.
"""

from torch import Tensor, nn

from feedback.layers import LEAKY_SLOPE, ConvBn, ResidualBlock


def start_leaky_path(block: ResidualBlock, logits: Tensor, offset: float) -> None:
    """Makes a block ``z + offset -> z`` through four channels of its path; the others stay as drawn, unused at first.

    Args:
        block: one with a ``leaky_path``, its path silent otherwise.
        logits: ``z``, ``[n, 2, Na Nt]``.
        offset: what makes its input positive.
    """
    assert block.leaky_path is not None
    slope = LEAKY_SLOPE
    spread, sign, first = block.leaky_path
    # What the other channels add is 0 until training says otherwise.
    block.narrow.conv.weight.zero_()
    mean, variance = logits.mean(dim=(0, 2)), logits.var(dim=(0, 2), correction=0)
    for channel in range(2):
        _tap(spread, channel, channel, 1.0)
        _normalise(spread, channel, mean[channel] + offset, variance[channel], mean[channel] + offset)
        for copy, factor in ((channel, 1.0), (channel + 2, -1.0)):
            _tap(sign, copy, channel, factor)
            _normalise(sign, copy, factor * (mean[channel] + offset), variance[channel], factor * mean[channel])
        positive = nn.functional.leaky_relu(logits[:, channel], slope)
        negative = nn.functional.leaky_relu(-logits[:, channel], slope)
        share = 1 / (1 + slope)
        path = -share * positive + (share - 1 / slope) * negative
        _tap(block.narrow, channel, first + channel, -share)
        _centre(block.narrow.conv.weight[channel, first + channel + 2]).fill_(share - 1 / slope)
        _normalise(block.narrow, channel, path.mean(), path.var(correction=0), path.mean() - offset)


def _tap(layer: ConvBn, n_out: int, n_in: int, factor: float) -> None:
    """Makes an output channel of a convolution a multiple of an input channel."""
    layer.conv.weight[n_out] = 0
    _centre(layer.conv.weight[n_out, n_in]).fill_(factor)


def _centre(kernel: Tensor) -> Tensor:
    return kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]


def _normalise(layer: ConvBn, channel: int, mean: Tensor, variance: Tensor, mean_after: Tensor) -> None:
    """Makes batch norm of a channel a shift, for inputs of those statistics."""
    norm = layer.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean[channel], norm.running_var[channel] = mean, variance
    norm.weight[channel], norm.bias[channel] = (variance + norm.eps).sqrt(), mean_after
