"""Phases of plane waves at the ports of a planar array, as two factors whose product they are."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PlanarArray:
    """A panel in the y-z plane, centred on the origin.

    Attributes:
        n_rows: rows of ports.
        n_columns: columns of ports.
        spacing: distance of elements along a row and along a column, wavelengths.
        weights: of the elements of a column that make one port, those of a port downwards; one element has weight 1.
    """

    n_rows: int
    n_columns: int
    spacing: tuple[float, float]
    weights: tuple[complex, ...] = (1.0,)

    @property
    def n_ports(self) -> int:
        """Number of ports."""
        return self.n_rows * self.n_columns

    @property
    def n_left(self) -> int:
        """Length of the left factor."""
        return self.n_rows if self._has_rows else self.n_columns // _inner_size(self.n_columns)

    @property
    def _has_rows(self) -> bool:
        return self.n_rows * len(self.weights) > 1

    def factors(self, direction: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        r"""Factors of the phases of plane waves at the ports.

        The phase at port :math:`i n_{right} + j`, row by row, is left factor :math:`i` times right factor :math:`j`:
        rows and columns, or parts of a row where there is one row only.

        Args:
            direction: the three components of unit vectors from the panel, in its own axes, each ``[...]``, float32.

        Returns:
            ``[..., n_left]`` and ``[..., n_right]``, complex64.
        """
        along_row, along_column = self.spacing
        step = direction[1] * (2 * math.pi * along_row)
        if not self._has_rows:
            inner = _inner_size(self.n_columns)
            return _phases(step * inner, self.n_columns // inner), _phases(step, inner)
        size = len(self.weights)
        rows = _phases(direction[2] * (-2 * math.pi * along_column), self.n_rows * size)
        if size > 1:
            rows = rows.unflatten(-1, (-1, size)) @ torch.tensor(self.weights, dtype=rows.dtype, device=rows.device)
        return rows, _phases(step, self.n_columns)


def _inner_size(n_columns: int) -> int:
    """Of the divisors of a number the least that is no less than its root: 8 of 32."""
    return next(size for size in range(math.isqrt(n_columns - 1) + 1, n_columns + 1) if n_columns % size == 0)


def _phases(step: Tensor, count: int) -> Tensor:
    r"""Phases :math:`e^{j (i - (N - 1) / 2) \phi}` of ``count`` evenly spaced places, ``[..., count]``, complex64.

    The upper half doubles by turns, each from its own angle, as powers of powers would gather rounding errors; the
    lower half is its conjugate. Places lie far apart in memory, so that all is done along the waves.

    Args:
        step: phase from one place to the next, ``[...]``, radians.
        count: number :math:`N` of places.
    """
    half = (count + 1) // 2
    phases = torch.empty(count, *step.shape, dtype=torch.complex64, device=step.device)
    upper = phases[count - half :]
    upper[0] = _phasor(step * (0.0 if count % 2 else 0.5))
    have = 1
    while have < half:
        more = min(have, half - have)
        torch.mul(upper[:more], _phasor(step * have), out=upper[have : have + more])
        have += more
    torch.conj_physical(upper[half - count // 2 :].flip(0), out=phases[: count // 2])
    return phases.movedim(0, -1)


def _phasor(angle: Tensor) -> Tensor:
    return torch.complex(torch.cos(angle), torch.sin(angle))
