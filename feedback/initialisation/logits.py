r"""Makes residual blocks of a decoder bend linear reconstructions into logits, so that the last activation undoes it.

What a linear codec rebuilds is an image :math:`0.5 + d`; before a sigmoid that has to be its logit, which is far from
linear for strong entries (see ``last_activation``). A block adds its path to its input, :math:`a d + b`, and activates
the sum; so the path has to be a function of ``d`` alone. Its convolutions can make hinges at thresholds :math:`t_k`,
and their sum approximates the function:

.. math:: p(d) \approx c + \sum_k w_k \, L(\pm \kappa (d - t_k)), \qquad L \text{ the leaky ReLU,}

with the ``w_k`` of least squared error of the image on training channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from feedback.initialisation.thresholds import LOADING, best_thresholds
from feedback.layers.basic import LEAKY_SLOPE, ConvBn, HingePath

# Hinges of one component, real or imaginary part, of a block with channels for more.
_MAX_HINGES = 8
_SIGNS = (1.0, -1.0)


@dataclass(frozen=True)
class BlockInput:
    r"""What a residual block gets: :math:`a d + b`.

    Attributes:
        deviations: ``d``, ``[n, 2, Na Nt]``.
        scale: ``a``, positive.
        shift: ``b``.
    """

    deviations: Tensor
    scale: float
    shift: float

    @cached_property
    def values(self) -> Tensor:
        """The input itself, ``[n, 2, Na Nt]``."""
        return self.scale * self.deviations + self.shift


def start_path(
    paths: tuple[HingePath, ...],
    narrow: ConvBn,
    given: BlockInput,
    wanted: Tensor,
    slope: Tensor,
    bends: Sequence[float] = (),
) -> Tensor:
    """Makes the path of a block a function of its input, as nearly as its hinges allow.

    Channels that are not needed stay as drawn; what they add is 0 until training says otherwise.

    Args:
        paths: convolutions that can make hinges.
        narrow: sums them up.
        given: the block's input.
        wanted: the path's output, ``[n, 2, Na Nt]``.
        slope: of the image over the path's output, ``[n, 2, Na Nt]``.
        bends: where in the deviations it bends sharply; two hinges are there.

    Returns:
        The path's output as it is now, ``[n, 2, Na Nt]``.
    """
    nn.init.zeros_(narrow.conv.weight)
    places = [(path, place) for path in paths for place in range(path.hinges)][:_MAX_HINGES]
    hinges = list(zip(places, hinge_lines(given, wanted, slope, bends, len(places)), strict=False))
    for path in paths:
        _pass_to_hinges(path, given)
    made = torch.empty_like(given.deviations)
    for component in range(2):
        d = given.deviations[:, component]
        basis = [torch.ones_like(d)]
        for (path, place), (sign, gain, threshold) in hinges:
            line = sign * gain * (d - threshold)
            channel = path.channel(place, component)
            _take(path.hinge, channel, component, sign, paired=bool(path.spread))
            shift = 0.0 if path.spread else given.shift
            _shift(path.hinge, channel, sign * (given.scale * d + shift), line, gain / given.scale)
            basis.append(nn.functional.leaky_relu(line, LEAKY_SLOPE))
        constant, *weights = least_squares(basis, wanted[:, component], slope[:, component])
        total = sum((w * hinge for w, hinge in zip(weights, basis[1:], strict=True)), torch.zeros_like(d))
        for w, ((path, place), _) in zip(weights, hinges, strict=True):
            _centre(narrow.conv.weight[component, path.first + path.channel(place, component)]).fill_(w)
        _shift(narrow, component, total, total + constant, 1.0)
        made[:, component] = total + constant
    return made


def hinge_lines(
    given: BlockInput, wanted: Tensor, slope: Tensor, bends: Sequence[float], count: int
) -> list[tuple[float, float, float]]:
    """Hinges whose sum comes near to a function of the deviations: sign, steepness and threshold of each.

    Args:
        given: the block's input.
        wanted: the function's values, ``[n, 2, Na Nt]``.
        slope: weights of their errors, same shape.
        bends: where in the deviations it bends sharply; two hinges are there.
        count: hinges at most.
    """
    further = best_thresholds(given.deviations, wanted, slope, bends, count // 2 - len(bends))
    places = [(sign, bend) for bend in bends for sign in _SIGNS]
    places += [(sign, sign * t) for t in further for sign in _SIGNS]
    unit = 1 / float(given.deviations.std(correction=0))
    # Far out a hinge has a mean of as many deviations: as steep as those at 0 it would outweigh them.
    return [(sign, unit / (1 + unit * abs(t)), t) for sign, t in places]


def least_squares(basis: list[Tensor], wanted: Tensor, slope: Tensor) -> list[float]:
    """Weights of least squared error of ``slope * (sum of the basis - wanted)``."""
    scale = slope.flatten().to(torch.float64)
    columns = torch.stack([part.flatten().to(torch.float64) * scale for part in basis], dim=1)
    moments = columns.T @ columns
    moments.diagonal().add_(LOADING * moments.diagonal().mean())
    weights: list[float] = torch.linalg.solve(
        moments, columns.T @ (wanted.flatten().to(torch.float64) * scale)
    ).tolist()
    return weights


def _pass_to_hinges(path: HingePath, given: BlockInput) -> None:
    r"""The layers before the hinges pass the input on, less its shift, as pairs of opposite channels.

    With ``f`` the leaky ReLU of slope ``s``, :math:`f(x) - f(-x) = (1 + s) x`. A lift that kept values positive would
    pass them on as well, but convolutions pad with zeros: at the edges of an image a mean of many deviations outweighs
    all that training is to find there.
    """
    for place, layer in enumerate(path.spread):
        for channel in range(layer.conv.out_channels if path.grouped else 4):
            component, sign = channel // 2 % 2, 1.0 - 2.0 * (channel % 2)
            passed = sign * given.scale * given.deviations[:, component]
            _take(layer, channel, component, sign, paired=place > 0)
            _shift(layer, channel, passed if place else passed + sign * given.shift, passed, 1.0)


def _take(layer: ConvBn, n_out: int, component: int, sign: float, paired: bool) -> None:
    """Makes an output channel of a convolution a component of its input, or its opposite."""
    kernels = layer.conv.weight[n_out].zero_()
    if not paired:
        _centre(kernels[component]).fill_(sign)
        return
    first = 0 if layer.conv.groups > 1 else 2 * component
    for place, part in enumerate((sign, -sign)):
        _centre(kernels[first + place]).fill_(part / (1 + LEAKY_SLOPE))


def _centre(kernel: Tensor) -> Tensor:
    return kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]


def _shift(layer: ConvBn, channel: int, before: Tensor, after: Tensor, gain: float) -> None:
    """Makes batch norm of a channel an affine map of this gain, given samples before and after it."""
    norm = layer.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    variance = before.var(correction=0)
    norm.running_mean[channel], norm.running_var[channel] = before.mean(), variance
    norm.weight[channel], norm.bias[channel] = gain * (variance + norm.eps).sqrt(), after.mean()
