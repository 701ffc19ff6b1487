"""Training channels as compressors see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Normalised channels ``start`` to ``stop - 1`` of an endless training split, ``[stop - start, Na, Nt]``, complex64.
ChannelStream = Callable[[int, int], Tensor]


@dataclass(frozen=True)
class TrainingSet:
    """Normalised angular-delay matrices to learn from, and those to select on.

    Attributes:
        train: ``[n_train, Na, Nt]``, complex64.
        validation: ``[n_validation, Na, Nt]``, complex64, disjoint from ``train`` and from every test channel.
        stream: makes fresh channels for every epoch, the first of which are ``train``; ``None`` where every epoch
            sees ``train`` again.
    """

    train: Tensor
    validation: Tensor
    stream: ChannelStream | None = None

    def epoch(self, number: int) -> Tensor:
        """Channels of an epoch, from 0, ``[n_train, Na, Nt]``, complex64; only these are in memory."""
        count = len(self.train)
        if self.stream is None or number == 0:
            return self.train
        return self.stream(number * count, (number + 1) * count)

    @cached_property
    def principal_axes(self) -> tuple[Tensor, Tensor]:
        r"""Eigenvalues (falling) and eigenvectors of the second moment :math:`R = E[x x^H]`, ``x = vec(H_a)``.

        Returns:
            Eigenvalues ``[Na Nt]``, float64, and eigenvectors as columns ``[Na Nt, Na Nt]``, complex64.
        """
        flat = self.train.flatten(1)
        moment = torch.zeros(flat.shape[1], flat.shape[1], dtype=torch.complex128, device=flat.device)
        for part in flat.split(1000):
            moment += (part.T @ part.conj()).to(torch.complex128)
        values, vectors = torch.linalg.eigh(moment / flat.shape[0])
        return values.flip(0), vectors.flip(1).to(torch.complex64)
