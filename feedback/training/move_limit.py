"""Learning rates by what a step of each parameter does to reconstructions."""

import math

import torch
from torch import Tensor, nn

from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.kernel_muon import orthogonalised, step_length
from feedback.training.options import TrainingOptions
from feedback.training.validation import validation_error

_IMAGES = 50
_SEED = 7
_TRIES = 3


class MoveLimit:
    r"""Shares of learning rates with which no parameter moves reconstructions further than some share of their error.

    Steps of Adam and Muon have a length of their own, whatever they do. At a start that works some do next to nothing,
    while others move reconstructions by more than their error: slopes of activations whose maps cancel each other, and
    thresholds. With :math:`d` a random direction of the optimiser's length, :math:`\eta` the learning rate and
    :math:`m` the limit, the share is the power of two next to the largest :math:`s \le 1` with

    .. math:: \|\hat X(w + s \eta d) - \hat X(w)\| \le m \sqrt{\epsilon} \, \|X\|

    where :math:`\epsilon` is the error of the start as validation has it, an NMSE or what takes its place.

    Args:
        model: whose weights are about to learn, at their start; it is left in eval mode.
        csi: channels of the training split, of which some are looked at, ``[n, ...]``, complex64.
        options: what codewords go through where the error is measured, and that error; moves are measured without it.
        most: the limit :math:`m`.
    """

    def __init__(self, model: Autoencoder, csi: Tensor, options: TrainingOptions, most: float) -> None:
        self._model = model.eval()
        error = validation_error(model, csi[:_IMAGES], options.disturbance, _SEED, options.errors)
        self._images = to_unit_interval(csi[:_IMAGES])
        # An error of nothing, as that of directions, is rounded below 0.
        self._most = most * math.sqrt(max(error, 0.0)) * float(torch.linalg.vector_norm(self._images - 0.5))
        with torch.no_grad():
            self._before = self._rebuilt()

    @torch.no_grad()
    def share(self, parameter: nn.Parameter, rate: float, by_muon: bool) -> float:
        """Share of a learning rate for one of the model's parameters: a power of two, at most 1.

        Args:
            parameter: of the model; has its values again afterwards.
            rate: learning rate.
            by_muon: whether steps are Muon's, else Adam's.
        """
        values, share = parameter.clone(), 1.0
        step = _step(parameter, by_muon)
        for _ in range(_TRIES):
            parameter.add_(step, alpha=share * rate)
            moved = float(torch.linalg.vector_norm(self._rebuilt() - self._before))
            parameter.copy_(values)
            if moved <= self._most:
                break
            share *= self._most / moved if math.isfinite(moved) else 1e-3
        return 2.0 ** round(math.log2(share)) if share > 0 else 0.0

    def _rebuilt(self) -> Tensor:
        return self._model.rebuilt(self._images, None, torch.Generator())


def _step(parameter: nn.Parameter, by_muon: bool) -> Tensor:
    """A step of learning rate 1 in a random direction."""
    drawn = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(_SEED)).to(parameter.device)
    if not by_muon:
        return drawn.sign()
    matrix = drawn.flatten(1)
    return step_length(matrix.shape) * orthogonalised(matrix).view_as(drawn)
