"""Directions of channels: eigenvectors of their covariance in each subband, as many as were asked for so far."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linksim.subband_eigenvectors import subband_eigenvectors


class Directions:
    """Eigenvectors of each subband's covariance, the strongest first; computed when they are asked for, then kept.

    Args:
        response: channel matrices, ``[batch, Nc, n_rx, n_tx]``, complex.
        bands: subcarriers of each subband.
    """

    def __init__(self, response: Tensor, bands: Sequence[slice]) -> None:
        self.response, self.bands = response, bands
        self._known: tuple[Tensor, ...] = ()

    def layer(self, number: int) -> Tensor:
        """One eigenvector of each subband, the strongest for 1, ``[batch, n_subbands, n_tx]``, complex, unit norm."""
        if number > len(self._known):
            self._known = subband_eigenvectors(self.response, self.bands, number).unbind(2)
        return self._known[number - 1]

    def first(self, count: int) -> Tensor:
        """The ``count`` strongest, ``[batch, count, n_subbands, n_tx]``, complex, unit norm."""
        self.layer(count)
        return torch.stack(self._known[:count], dim=1)
