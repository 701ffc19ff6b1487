"""Moments of training channels that estimators learn from, as sums, so that parts of a set are added."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class TrainingMoments:
    r"""Sums over training channels :math:`H`, with :math:`H_p` on the pilots' subcarriers, and those pilots.

    Attributes:
        n: how many channels.
        total: :math:`\sum H`, ``[n_subcarriers, n_ports]``, complex128.
        across_subcarriers: :math:`\sum H H_p^H`, ``[n_subcarriers, n_pilots]``, complex128.
        across_ports: :math:`\sum H_p^T H_p^*`, ``[n_ports, n_ports]``, complex128.
        pilots: :math:`H_p` of each, ``[n, n_pilots, n_ports]``, complex64.
    """

    n: int
    total: NDArray[np.complex128]
    across_subcarriers: NDArray[np.complex128]
    across_ports: NDArray[np.complex128]
    pilots: NDArray[np.complex64]

    @classmethod
    def of(cls, response: Tensor, pilot_spacing: int) -> Self:
        """Of channels ``[n, n_subcarriers, n_ports]`` with a pilot on every ``pilot_spacing``-th subcarrier."""
        exact = response.cpu().to(torch.complex128)
        pilots = exact[:, ::pilot_spacing]
        flat = pilots.flatten(0, 1)
        return cls(
            n=len(response),
            total=exact.sum(0).numpy(),
            across_subcarriers=(exact.transpose(0, 1).flatten(1) @ pilots.transpose(0, 1).flatten(1).mH).numpy(),
            across_ports=(flat.mT @ flat.conj()).numpy(),
            pilots=response[:, ::pilot_spacing].cpu().contiguous().numpy(),
        )

    def __add__(self, other: Self) -> Self:
        """Of both sets, the other after this."""
        return type(self)(
            self.n + other.n,
            self.total + other.total,
            self.across_subcarriers + other.across_subcarriers,
            self.across_ports + other.across_ports,
            np.concatenate([self.pilots, other.pilots]),
        )
