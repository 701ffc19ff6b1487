r"""Fully connected layers of 8-bit weights whose inputs are rounded to 8 bits as they come: dynamic quantisation.

.. math:: y = \hat W \hat x + b, \qquad
          \hat w_{ij} = s_i \, \mathrm{round}(w_{ij} / s_i), \quad s_i = \max_j |w_{ij}| / 127, \qquad
          \hat x_j = \delta \, (\mathrm{round}(x_j / \delta + z) - z)

with :math:`\delta` a 255th of the range of the input's values and of 0, and :math:`z` the level that stands for 0. What
is rounded has the gradient of what it is made of, so that weights that learn know of both. Ranges are those of each
report and each row of weights: no report depends on the others of a batch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.layers.basic import CentredLinear

_LARGEST = 127
_LEVELS = 255
_TINY = 1e-12


class DynamicLinear(CentredLinear):
    """A layer that multiplies 8-bit weights by 8-bit inputs; biases and scales are in floating point."""

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, in_features]`` to ``[batch, out_features]``."""
        return functional.linear(rounded_inputs(x - self.centre), rounded_weights(self.weight), self.bias)

    def stored_bytes(self) -> int:
        """One byte a weight, a float32 scale and bias for each row."""
        return self.weight.numel() + 4 * (self.out_features + self.bias.numel())


class FixedDynamicLinear(CentredLinear):
    """A trained layer as a device has it: its weights are rounded once, inputs as they come.

    Args:
        layer: the trained layer.
    """

    def __init__(self, layer: DynamicLinear) -> None:
        super().__init__(layer.in_features, layer.out_features)
        self.centre = layer.centre.clone()
        self.weight = nn.Parameter(rounded_weights(layer.weight.detach()), requires_grad=False)
        self.bias = nn.Parameter(layer.bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, in_features]`` to ``[batch, out_features]``."""
        return functional.linear(rounded_inputs(x - self.centre), self.weight, self.bias)


def rounded_weights(weight: Tensor) -> Tensor:
    """Weights ``[out, in]`` on 255 levels of each row, 0 among them."""
    with torch.no_grad():
        scale = weight.abs().amax(1, keepdim=True).clamp_min(_TINY) / _LARGEST
        rounded = (weight / scale).round() * scale
    return _with_gradient_of(weight, rounded)


def rounded_inputs(x: Tensor) -> Tensor:
    """Inputs ``[batch, in]`` on 256 levels of each report, 0 among them."""
    with torch.no_grad():
        low, high = x.amin(1, keepdim=True).clamp_max(0), x.amax(1, keepdim=True).clamp_min(0)
        step = (high - low).clamp_min(_TINY) / _LEVELS
        zero = (-low / step).round()
        rounded = ((x / step + zero).round().clamp(0, _LEVELS) - zero) * step
    return _with_gradient_of(x, rounded)


def _with_gradient_of(exact: Tensor, rounded: Tensor) -> Tensor:
    return exact + (rounded - exact).detach() if torch.is_grad_enabled() and exact.requires_grad else rounded
