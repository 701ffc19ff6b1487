"""Errors of sequences of images, one report after the other, as their loss and their validation take them."""

from torch import Tensor

from feedback.training.options import Pass


def step_errors(image: Tensor, reconstruction: Tensor) -> Tensor:
    r"""NMSE of each image of sequences ``[n, T, 2, Na, Nt]``, :math:`\|H_t - \hat H_t\|^2 / \|H_t\|^2`, ``[n, T]``."""
    error = (reconstruction - image).flatten(2).square().sum(2)
    return error / (image - 0.5).flatten(2).square().sum(2)


def sequence_errors(image: Tensor, reconstruction: Tensor) -> Tensor:
    """NMSE of sequences, the mean over their images, linear, ``[n]``, float64."""
    return step_errors(image.double(), reconstruction.double()).mean(1)


def sequence_loss(step: Pass) -> Tensor:
    """Mean NMSE of all images, a scalar."""
    return step_errors(step.image, step.reconstruction).mean()
