"""A small network that estimates a matrix from the levels of all its entries: complex filters under gates."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.enhancement.weights import FEATURES

# Levels are the nearest to a value or the one below it (`chosen` in the context codec's kernel), so that a value lies
# between half a step below its level and one and a half above, along its sign.
_BELOW, _ABOVE = 0.5, 1.5


class GatedFilters(nn.Module):
    r"""Refines the values of a uniform quantiser in the angular-delay domain, each from those around it.

    With values :math:`u` in steps :math:`\Delta`, complex filters :math:`F_m` over delay and angle, and real gates
    :math:`g_m` that a convolutional network makes of magnitudes, the delay and the step,

    .. math:: \hat x = \mathcal{C}\Bigl(u + \sum_m g_m(|u|, \Delta) \, (F_m * u)\Bigr).

    A common phase of all entries passes through; what is learnt are magnitudes and phases relative to neighbours, such
    as those that a path between two delays or beams leaves around its peak. Angles wrap round, delays do not. One set
    of weights serves every step and size of matrix, as levels are in units of the step.

    :math:`\mathcal{C}` moves each part into the cell of values that its level stands for. What was quantised lies in
    that cell, which is convex, so it is only ever moved nearer to it; and no part is further off than the cell is wide,
    whatever the weights.

    Args:
        width: feature maps of the gates' network.
        filters: complex filters.
        delays: odd size of the filters along the delay axis.
        angles: odd size along the angle axis.
    """

    def __init__(self, width: int = 16, filters: int = 12, delays: int = 9, angles: int = 5) -> None:
        super().__init__()
        self.first = nn.Conv2d(FEATURES, width, 5)
        self.second = nn.Conv2d(width, width, 3)
        self.gate = nn.Conv2d(width, filters, 1)
        self.real = nn.Parameter(torch.empty(filters, 1, delays, angles))
        self.imaginary = nn.Parameter(torch.empty(filters, 1, delays, angles))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws weights; what comes out then hardly differs from what goes in."""
        for layer in (self.first, self.second, self.gate):
            bound = layer.weight[0].numel() ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            assert layer.bias is not None
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        for part in (self.real, self.imaginary):
            nn.init.normal_(part, std=0.01, generator=generator)

    def forward(self, values: Tensor, steps: Tensor) -> Tensor:
        """Values as decoded to values as estimated, both in steps.

        Args:
            values: real and imaginary parts, ``[n, 2, rows, columns]``.
            steps: quantiser steps over the root mean square of the entries, ``[n]``.
        """
        hidden = functional.relu(self.first(_padded(_features(values, steps), 2, 2)))
        hidden = hidden + functional.relu(self.second(_padded(hidden, 1, 1)))
        gates = self.gate(hidden)
        count, _, delays, angles = self.real.shape
        kernels = torch.cat([torch.cat([self.real, -self.imaginary], 1), torch.cat([self.imaginary, self.real], 1)])
        filtered = functional.conv2d(_padded(values, delays // 2, angles // 2), kernels)
        parts = [(gates * part).sum(dim=1) for part in filtered.split(count, dim=1)]
        return within_cells(values + torch.stack(parts, dim=1), values)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        """Multiply-adds of the filters and their gates; layers below count their own."""
        filters, _, delays, angles = self.real.shape
        rows, columns = output.shape[-2:]
        return rows * columns * filters * (4 * delays * angles + 2)


def within_cells(estimates: Tensor, values: Tensor) -> Tensor:
    """Parts moved into the cells of their levels: the nearest points of them.

    Args:
        estimates: in steps, any shape.
        values: as decoded, in steps, less than half a step from their levels.
    """
    levels = values.round()
    sign, size = levels.sign(), levels.abs()
    low = torch.where(size > 0, size - _BELOW, -_ABOVE)
    along = torch.where(size > 0, estimates * sign, estimates)
    moved = along.clamp(low, size + _ABOVE)
    return torch.where(size > 0, moved * sign, moved)


def _features(values: Tensor, steps: Tensor) -> Tensor:
    """Magnitudes, on two scales, step and delay of every entry, ``[n, 4, rows, columns]``."""
    power = values.square().sum(dim=1, keepdim=True)
    octaves = (0.5 * steps.log2()).view(-1, 1, 1, 1).expand_as(power)
    rows = torch.arange(values.shape[2], dtype=values.dtype, device=values.device)
    delay = (rows.log1p() / 3.5).view(1, 1, -1, 1).expand_as(power)
    return torch.cat([power.log1p(), (16 * power).log1p() / 4, octaves, delay], dim=1)


def _padded(maps: Tensor, delays: int, angles: int) -> Tensor:
    """Maps ``[n, channels, rows, columns]`` with zeros around the delays, and angles that wrap round."""
    columns = maps.shape[-1]
    around = torch.arange(-angles, columns + angles, device=maps.device) % columns
    return functional.pad(maps[..., around], (0, 0, delays, delays))
