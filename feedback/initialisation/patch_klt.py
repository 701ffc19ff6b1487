r"""Starts a network of convolutions whose maps have ever fewer rows and columns as a KLT of patches of patches.

At the UE each convolution sees the patch of its input that it makes one place of, and keeps the values of most energy
that other channels leave to it: the leading axes of the second moment of patches, over channels and places. They cross
a leaky ReLU ``L`` of slope ``s`` below 0 as pairs, :math:`L(v) - L(-v) = (1 + s) v`, so that nothing bends, and no mean
stands beside the zeros that images are padded with. The BS goes the same way back. Kernels are 0 beyond their patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.initialisation.convolutions import STATISTICS_SAMPLES, start_norm
from feedback.initialisation.quantiser_gains import rate_gain, spread
from feedback.layers.basic import LEAKY_SLOPE
from feedback.layers.resampling import DownsamplingConv, UpsamplingConv
from feedback.training.disturbance import Disturbance


@dataclass(frozen=True)
class PatchAxes:
    """Orthonormal axes of patches ``[channels, factor, factor]``: real matrix, ``[axes, channels, factor, factor]``."""

    matrix: Tensor

    @property
    def factor(self) -> int:
        """Rows and columns of a patch."""
        return self.matrix.shape[-1]

    @classmethod
    def leading(cls, maps: Tensor, factor: int, count: int) -> "PatchAxes":
        r"""Those of most energy; real and imaginary parts have the same, as phases of channels say nothing.

        .. math:: A = \begin{bmatrix} \Re U^T & \Im U^T \\ -\Im U^T & \Re U^T \end{bmatrix}

        Args:
            maps: all real parts, then all imaginary ones, ``[n, 2 k, rows, columns]``.
            factor: rows and columns of a patch.
            count: axes, an even number.
        """
        patches = functional.unfold(_whole(maps, factor), factor, stride=factor).transpose(1, 2).flatten(0, 1)
        real, imaginary = patches.chunk(2, dim=1)
        values = torch.complex(real, imaginary)
        # Patches weigh as much as they have of the energy.
        moment = (values.T @ values.conj()).to(torch.complex128)
        axes = torch.linalg.eigh(moment)[1].flip(1)[:, : count // 2].T.to(values.dtype)
        upper, lower = torch.cat([axes.real, axes.imag], dim=1), torch.cat([-axes.imag, axes.real], dim=1)
        return cls(torch.cat([upper, lower]).unflatten(1, (-1, factor, factor)))

    def of(self, maps: Tensor) -> Tensor:
        """Values of maps ``[n, channels, rows, columns]`` along the axes, ``[n, axes, rows / f, columns / f]``."""
        return functional.conv2d(_whole(maps, self.factor), self.matrix, stride=self.factor)

    def back(self, values: Tensor, size: Sequence[int]) -> Tensor:
        """Maps of that size of values along the axes."""
        maps = functional.conv_transpose2d(values, self.matrix, stride=self.factor)
        return maps[..., : size[0], : size[1]]


@torch.no_grad()
def start_as_patch_klt(
    down: Sequence[DownsamplingConv],
    up: Sequence[UpsamplingConv],
    last: nn.ConvTranspose2d,
    deviations: Tensor,
    disturbance: Disturbance | None = None,
) -> None:
    """Sets initial weights of convolutions at the UE, and of those at the BS, which undo them.

    Args:
        down: at the UE, in order, all but the last before a leaky ReLU; their channels beyond the axes stay as drawn,
            those of the codeword are 0.
        up: at the BS, in order, each before a leaky ReLU; they undo those of the UE from the last to the second.
        last: after them; it undoes the first.
        deviations: training images, 0 where there is no power, ``[n, 2, Na, Nt]``.
        disturbance: what codewords go through in training; sets the gains before a quantiser.
    """
    levels, axes = [deviations[:STATISTICS_SAMPLES]], list[PatchAxes]()
    for layer in down:
        maps, factor = levels[-1], layer.conv.stride[0]
        room = layer.conv.out_channels // (1 if layer is down[-1] else 2)
        axes.append(PatchAxes.leading(maps, factor, min(room, maps.shape[1] * factor**2) // 2 * 2))
        levels.append(axes[-1].of(maps))
    gains, weights = _gains(levels[-1], levels[0], disturbance)
    for layer, found, values in zip(down[:-1], axes, levels[1:], strict=False):
        kernel = found.matrix if layer is down[0] else _of_pairs(found.matrix, 1)
        _write(layer.conv.weight, _opposites(kernel, 0))
        _start_norm(layer.norm, _opposites(values, 1))
    _write(down[-1].conv.weight, _of_pairs(axes[-1].matrix, 1))
    nn.init.zeros_(down[-1].norm.weight)
    _start_norm(down[-1].norm, levels[-1], gains)
    sent = gains[:, None, None] * levels[-1]
    received = sent if disturbance is None else disturbance.quantise(sent.flatten(1)).view_as(sent)
    rebuilt = weights[:, None, None] * received
    for place, (undoing, found, level) in enumerate(zip(up, reversed(axes), reversed(levels[:-1]), strict=False)):
        rebuilt, kernel, gain = found.back(rebuilt, level.shape[2:]), found.matrix.transpose(0, 1), 1.0
        if place == 0:
            gain = float(weights.mean())
            kernel = kernel * (weights / gain)[:, None, None]
        else:
            kernel = _of_pairs(kernel, 1)
        # Maps of the codeword that are 0 still are to learn, and would not if the BS did not look at them.
        _write(undoing.conv.weight.transpose(0, 1), _opposites(kernel, 0), clear_others=place > 0)
        given = _opposites(rebuilt / gain, 1)
        _start_norm(undoing.norm, given, torch.full_like(given[0, :, 0, 0], gain))
    _write(last.weight.transpose(0, 1), _of_pairs(axes[0].matrix.transpose(0, 1), 1))


def _gains(values: Tensor, deviations: Tensor, disturbance: Disturbance | None) -> tuple[Tensor, Tensor]:
    """Gains of the codeword's maps before the quantiser of training, and what undoes them, ``[maps]`` each.

    Args:
        values: along the axes of the codeword, ``[n, maps, rows, columns]``.
        deviations: the images that they stand for.
        disturbance: of training.
    """
    if disturbance is not None and disturbance.bits is not None:
        return spread(values.movedim(1, -1).flatten(0, -2), disturbance.quantise)
    gains = values.new_ones(values.shape[1])
    if disturbance is not None and disturbance.rate_weight is not None:
        gains *= rate_gain(values.flatten(1), deviations.flatten(1), disturbance.rate_weight)
    return gains, 1 / gains


def _opposites(values: Tensor, dim: int) -> Tensor:
    """Values, then their opposites."""
    return torch.cat([values, -values], dim=dim)


def _of_pairs(kernel: Tensor, dim: int) -> Tensor:
    """A kernel for values as one for activated pairs of them."""
    return _opposites(kernel, dim) / (1 + LEAKY_SLOPE)


def _write(weight: Tensor, kernel: Tensor, clear_others: bool = True) -> None:
    """Makes the first outputs of a convolution those of a kernel that begins at its middle.

    Args:
        weight: ``[out, in, size, size]``.
        kernel: ``[first out, first in, factor, factor]``.
        clear_others: whether these outputs take nothing from the other inputs.
    """
    outputs, middle, patch = weight[: len(kernel)], weight.shape[-1] // 2, kernel.shape[-1]
    outputs[:, : None if clear_others else kernel.shape[1]] = 0
    outputs[:, : kernel.shape[1], middle : middle + patch, middle : middle + patch] = kernel


def _start_norm(norm: nn.BatchNorm2d, values: Tensor, gains: Tensor | None = None) -> None:
    """Makes batch norm of the first channels, which get those values, gains, 1 by default."""
    mean, variance = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3), correction=0)
    gains = torch.ones_like(mean) if gains is None else gains
    start_norm(norm, mean, variance, gains, gains * mean)


def _whole(maps: Tensor, factor: int) -> Tensor:
    """Maps with zeros after the last row and column, so that patches are whole."""
    rows, columns = (-length % factor for length in maps.shape[2:])
    return functional.pad(maps, (0, columns, 0, rows))
