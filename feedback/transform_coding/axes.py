"""Axes that channels are reported on: orthonormal transforms of the angular-delay matrix, one for each component."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class Axes(ABC):
    """Unitary transforms of matrices ``[Na, Nt]``.

    Attributes:
        sets: transforms, one for each component of a mixture; 1 where all components share it.
    """

    sets: int = 1

    @abstractmethod
    def coefficients(self, csi: Tensor) -> Tensor:
        """Of matrices ``[n, Na, Nt]``, complex128: ``[n, sets, Na Nt]``."""

    @abstractmethod
    def matrices(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        """Matrices ``[n, Na, Nt]`` of the coefficients ``[n, Na Nt]`` of components ``[n]``."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """Real numbers that the axes take."""

    @property
    @abstractmethod
    def macs(self) -> int:
        """Real multiply-adds of one transform."""


@dataclass(frozen=True)
class OwnEntries(Axes):
    """The entries of the matrix ``[Na, Nt]`` themselves: delays and beams, which nothing has to be learnt for."""

    shape: tuple[int, int]

    def coefficients(self, csi: Tensor) -> Tensor:
        """The entries."""
        return csi.flatten(1)[:, None]

    def matrices(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        """The entries, put back."""
        return coefficients.unflatten(1, self.shape)

    @property
    def numbers(self) -> int:
        """None."""
        return 0

    @property
    def macs(self) -> int:
        """None."""
        return 0


@dataclass(frozen=True)
class FullAxes(Axes):
    """Axes over the whole matrix, as columns: ``vectors`` ``[sets, Na Nt, Na Nt]``, complex."""

    vectors: Tensor
    shape: tuple[int, int]

    @property
    def sets(self) -> int:  # type: ignore[override]
        """Transforms."""
        return len(self.vectors)

    def coefficients(self, csi: Tensor) -> Tensor:
        r""":math:`U^H \mathrm{vec}(H_a)`."""
        flat = csi.flatten(1)
        return torch.stack([flat @ vectors.to(flat.dtype).conj() for vectors in self.vectors], dim=1)

    def matrices(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        """The sum of the axes, weighted by the coefficients."""
        found = torch.zeros_like(coefficients)
        for label in labels.unique().tolist():
            own = labels == label
            found[own] = coefficients[own] @ self.vectors[label].to(coefficients.dtype).T
        return found.unflatten(1, self.shape)

    @property
    def numbers(self) -> int:
        """Real and imaginary parts."""
        return 2 * self.vectors.numel()

    @property
    def macs(self) -> int:
        """One complex product, 4 an entry."""
        return 4 * self.vectors[0].numel()


@dataclass(frozen=True)
class SeparableAxes(Axes):
    """Products of delay and port axes, columns of ``delays`` ``[sets, Na, Na]`` and ``ports`` ``[sets, Nt, Nt]``."""

    delays: Tensor
    ports: Tensor

    @property
    def sets(self) -> int:  # type: ignore[override]
        """Transforms."""
        return len(self.delays)

    def coefficients(self, csi: Tensor) -> Tensor:
        r""":math:`U^H H_a V^*`."""
        pairs = zip(self.delays.to(csi.dtype), self.ports.to(csi.dtype), strict=True)
        return torch.stack([(delays.mH @ csi @ ports.conj()).flatten(1) for delays, ports in pairs], dim=1)

    def matrices(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        r""":math:`U C V^T`."""
        delays, ports = self.delays.to(coefficients.dtype), self.ports.to(coefficients.dtype)
        known = coefficients.unflatten(1, (delays.shape[1], ports.shape[1]))
        if self.sets == 1:
            return delays[0] @ known @ ports[0].T
        return delays[labels] @ known @ ports[labels].mT

    @property
    def numbers(self) -> int:
        """Real and imaginary parts."""
        return 2 * (self.delays.numel() + self.ports.numel())

    @property
    def macs(self) -> int:
        """Two complex products, 4 a complex multiply-add."""
        n_delay, n_ports = self.delays.shape[1], self.ports.shape[1]
        return 4 * n_delay * n_ports * (n_delay + n_ports)
