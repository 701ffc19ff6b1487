"""Batch norm as Keras does it where images lie with their channels first: over the last axis, the delay."""

import torch
from torch import Tensor, nn

# Keras' default.
_EPSILON = 1e-3


class DelayNorm(nn.BatchNorm2d):
    """Batch norm with statistics of each delay row instead of each channel.

    Args:
        n_delay: delay rows.
    """

    def __init__(self, n_delay: int) -> None:
        super().__init__(n_delay, eps=_EPSILON)

    @torch.no_grad()
    def start(self, images: Tensor, gain: float = 1.0) -> None:
        """Makes it ``gain x`` for images of the statistics of these, ``[n, channels, Na, Nt]``."""
        assert self.running_mean is not None
        assert self.running_var is not None
        variance, mean = torch.var_mean(images, dim=(0, 1, 3), correction=0)
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
        self.weight.copy_(gain * (variance + self.eps).sqrt())
        self.bias.copy_(gain * mean)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, channels, Na, Nt]``, same shape out."""
        return super().forward(image.transpose(1, 2)).transpose(1, 2)
