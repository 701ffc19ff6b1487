"""DFT of a complex exponential off the grid: the Dirichlet kernel, split so that many of them multiply out as matrices.

A sum of plane waves on an OFDM grid and a ULA is, in the angular-delay domain, a sum of products of two such kernels.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Distance from a grid point, in grid steps, below which a position is moved off it; the kernel changes by as little.
_NUDGE = 1e-7


@dataclass(frozen=True)
class DirichletKernel:
    r"""Kernels of many positions :math:`x` on a grid of :math:`N` points.

    .. math:: D_n(x) = \sum_{k=0}^{N-1} e^{j 2 \pi k (n - x) / N}
        = \underbrace{e^{-j \pi n / N} \csc\theta_n}_{\text{row}} \,
          \underbrace{-\sin(\pi x) e^{-j \pi (N - 1) x / N} \csc\theta_x}_{\text{position}} \,
          \frac{1}{\cot\theta_x - \cot\theta_n}, \qquad \theta_y = \frac{\pi (y + 1/2)}{N}

    The last factor is a real Cauchy matrix: two subtractions and a reciprocal per entry, no transcendental function.
    With the nearest grid point :math:`m` of :math:`x`, :math:`\cot\theta_x = \cot\theta_m + \epsilon_x` keeps the
    relative precision of float32 next to the pole.

    Attributes:
        n_points: :math:`N`.
        magnitude: :math:`-\sin(\pi (x - m)) \csc\theta_x`, ``[...]``, float32.
        turns: phase of the position factor in turns (the sign of ``magnitude`` apart), ``[...]``, float64.
        cotangent: :math:`\cot\theta_m`, ``[...]``, float32.
        offset: :math:`\epsilon_x`, ``[...]``, float32.
    """

    n_points: int
    magnitude: Tensor
    turns: Tensor
    cotangent: Tensor
    offset: Tensor

    @classmethod
    def at(cls, position: Tensor, n_points: int) -> "DirichletKernel":
        """Kernels at ``position``, ``[...]``, float64, in grid steps, any real value (the kernel has period ``N``)."""
        shifted = torch.remainder(position + 0.5, n_points)
        nearest = shifted.floor().clamp_(max=n_points - 1)
        remainder = shifted - nearest - 0.5
        # sin(theta) = sin(pi - theta), and the smaller angle is the one that float32 holds precisely.
        angle = torch.minimum(shifted, n_points - shifted) * (math.pi / n_points)
        cosecant = torch.sin(angle.to(torch.float32)).clamp_(min=1e-15).reciprocal_()
        fraction = remainder.to(torch.float32)
        fraction = torch.where(fraction.abs() < _NUDGE, _NUDGE, fraction)
        cotangents = cotangent(torch.arange(n_points, device=position.device), n_points)
        cosecants = cosecant_at(torch.arange(n_points, device=position.device), n_points)
        index = nearest.to(torch.int64)
        return cls(
            n_points=n_points,
            magnitude=-torch.sin(math.pi * fraction) * cosecant,
            turns=(shifted - 0.5) / (2 * n_points) - remainder / 2,
            cotangent=cotangents[index],
            offset=-torch.sin((math.pi / n_points) * fraction) * cosecants[index] * cosecant,
        )

    def __getitem__(self, index: Any) -> "DirichletKernel":
        """Kernels of some of the positions."""
        parts = (part[index] for part in (self.magnitude, self.turns, self.cotangent, self.offset))
        return DirichletKernel(self.n_points, *parts)

    def rows(self, row_cotangent: Tensor) -> Tensor:
        """Cauchy factors with the grid points first, ``[..., n_rows, n_positions]``.

        Args:
            row_cotangent: ``cotangent(rows, N)``, ``[n_rows]``.
        """
        matrix = self.cotangent.unsqueeze(-2) - row_cotangent.unsqueeze(-1)
        return matrix.add_(self.offset.unsqueeze(-2)).reciprocal_()

    def columns(self, column_cotangent: Tensor) -> Tensor:
        """As ``rows``, transposed: ``[..., n_positions, n_columns]``."""
        matrix = self.cotangent.unsqueeze(-1) - column_cotangent
        return matrix.add_(self.offset.unsqueeze(-1)).reciprocal_()


def cotangent(points: Tensor, n_points: int) -> Tensor:
    """Cotangent of ``theta`` at grid points (or between them), ``[n]``, float32."""
    return torch.tan((points.to(torch.float64) + 0.5) * (math.pi / n_points)).reciprocal().to(torch.float32)


def cosecant_at(points: Tensor, n_points: int) -> Tensor:
    """Cosecant of ``theta`` at grid points (or between them), ``[n]``, float32."""
    return torch.sin((points.to(torch.float64) + 0.5) * (math.pi / n_points)).reciprocal().to(torch.float32)


def row_factor(points: Tensor, n_points: int) -> Tensor:
    """Row factors of the kernel at grid points, ``[n]``, complex64."""
    phase = points.to(torch.float64) * (-math.pi / n_points)
    return torch.polar(cosecant_at(points, n_points), phase.to(torch.float32))


def unit_phasor(turns: Tensor) -> Tensor:
    """``exp(j 2 pi turns)`` of float64 turns, complex64; the phase is reduced to one turn in float64 first."""
    angle = (turns - turns.round()).to(torch.float32) * (2 * math.pi)
    return torch.complex(torch.cos(angle), torch.sin(angle))
