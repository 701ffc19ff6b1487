"""Antenna ports of a codebook, and its DFT beams (TS 38.214, clause 5.2.2.2.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback.errors import FeedbackInputError

if TYPE_CHECKING:
    from torch import Tensor

# Ports per polarisation in the first and second dimension, TS 38.214 Table 5.2.2.2.1-2; 1 x 1 are the two ports of
# Table 5.2.2.2.1-1.
SUPPORTED = (
    (1, 1),
    (2, 1),
    (2, 2),
    (4, 1),
    (3, 2),
    (6, 1),
    (4, 2),
    (8, 1),
    (4, 3),
    (6, 2),
    (12, 1),
    (4, 4),
    (8, 2),
    (16, 1),
)


@dataclass(frozen=True)
class PortLayout:
    r"""CSI-RS ports of a dual-polarised panel.

    Port order: polarisation slowest, second (vertical) dimension fastest, ``p = pol N1 N2 + N2 n1 + n2``.

    Attributes:
        n1: ports per polarisation in the first (horizontal) dimension.
        n2: ports per polarisation in the second (vertical) dimension.

    Raises:
        FeedbackInputError: if the standard has no codebook for the layout.
    """

    n1: int
    n2: int

    def __post_init__(self) -> None:
        if (self.n1, self.n2) not in SUPPORTED:
            known = ", ".join(f"{n1} x {n2}" for n1, n2 in SUPPORTED)
            raise FeedbackInputError(f"ports: got N1 x N2 = {self.n1} x {self.n2}, expected one of {known}")

    @property
    def o1(self) -> int:
        """Oversampling of the beam grid in the first dimension."""
        return 4 if self.n1 > 1 else 1

    @property
    def o2(self) -> int:
        """Oversampling of the beam grid in the second dimension."""
        return 4 if self.n2 > 1 else 1

    @property
    def per_polarisation(self) -> int:
        """Ports of one polarisation, N1 N2."""
        return self.n1 * self.n2

    @property
    def ports(self) -> int:
        """All ports, P = 2 N1 N2."""
        return 2 * self.per_polarisation

    @property
    def rotations(self) -> int:
        """Orthogonal bases of beams, O1 O2."""
        return self.o1 * self.o2

    def beam_sets(self, n_beams: int) -> int:
        """How many sets of ``n_beams`` beams of a basis there are."""
        return math.comb(self.per_polarisation, n_beams)

    def beams(self) -> Tensor:
        r"""The whole oversampled grid, ``[N1 O1, N2 O2, N1 N2]``, complex128, of norm :math:`\sqrt{N_1 N_2}`.

        .. math:: v_{l,m}[N_2 n_1 + n_2] = e^{j 2 \pi l n_1 / (O_1 N_1)} e^{j 2 \pi m n_2 / (O_2 N_2)}
        """
        import torch

        first = dft(self.n1, self.n1 * self.o1)
        second = dft(self.n2, self.n2 * self.o2)
        return torch.einsum("la,mb->lmab", first, second).flatten(2)

    def half_beams(self) -> Tensor:
        """Beams over half of the first dimension with twice the step, ``[N1 O1 / 2, N2 O2, N1 N2 / 2]``, complex128."""
        import torch

        first = dft(self.n1 // 2, self.n1 * self.o1 // 2)
        second = dft(self.n2, self.n2 * self.o2)
        return torch.einsum("la,mb->lmab", first, second).flatten(2)

    def rotated_bases(self) -> Tensor:
        r"""Orthogonal bases, ``[O1 O2, N1 N2, N1 N2]`` (rotation ``q1 O2 + q2``, beam, port), complex128, unit norm.

        Beam ``n = N1 n2 + n1`` is :math:`v_{O_1 n_1 + q_1, O_2 n_2 + q_2} / \sqrt{N_1 N_2}`: beams are numbered with
        the first dimension fastest, ports with the second.
        """
        grid = self.beams().view(self.n1, self.o1, self.n2, self.o2, -1)
        bases = grid.permute(1, 3, 2, 0, 4).reshape(self.o1 * self.o2, self.per_polarisation, -1)
        return bases / math.sqrt(self.per_polarisation)


def dft(length: int, steps: int) -> Tensor:
    """Rows ``exp(j 2 pi k n / steps)``, ``[steps, length]``, complex128."""
    import torch

    index = torch.arange(steps)[:, None] * torch.arange(length) % steps
    angle = 2 * math.pi * index.to(torch.float64) / steps
    return torch.polar(torch.ones_like(angle), angle)


def bits_for(count: int) -> int:
    """Bits that tell ``count`` values apart, 0 for a single one."""
    return max(count - 1, 0).bit_length()
