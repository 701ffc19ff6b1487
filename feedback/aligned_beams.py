"""Eigenvectors as matrices of delays and beams whose strongest beam is the first: much the same for all UEs.

Where a UE lies decides which beam is strong; everything else lies around that beam. What learns from few channels, and
what is linear above all, has far less to learn once a report says which beam that is.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from feedback.beam_delay import BeamDelay
from feedback.csi_dimensions import OVERSAMPLING, CsiDimensions

# Beams whose energies differ by less than this share are equally strong: the first of them is taken, so that rounding
# does not decide. Energies in float32 are sums over some hundred products.
_TIE = 1e-5


@dataclass(frozen=True)
class AlignedBeams:
    r"""Between eigenvectors ``[batch, n_layers, n_subbands, n_tx]`` and matrices ``[batch, rows, n_tx]`` of all layers.

    Of each layer the strongest of all beams is found,

    .. math:: \arg\max_{p,l,m} \sum_t |b_{l,m}^H v_{t,p}|^2

    over the polarisations ``p`` and a grid of 4 beams per port along rows and columns. The array is turned so that this
    beam is the first of the DFT's, and its polarisation the first. Then the layer is brought to delays and beams
    (``BeamDelay``): delays are rows, ports in the order polarisation, row, column. A whole matrix has norm 1.

    Attributes:
        form: delays and beams of one layer.
        n_layers: layers.
        align: whether the beams are turned; where they are not, nothing has to be said of them.
    """

    form: BeamDelay
    n_layers: int = 1
    align: bool = True

    @classmethod
    def of(cls, dimensions: CsiDimensions, n_layers: int = 1, align: bool = True) -> Self:
        """That of a channel's subbands and ports."""
        return cls(BeamDelay.of(dimensions), n_layers, align)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrices."""
        return self.n_layers * self.form.n_subbands, math.prod(self.form.panel)

    @property
    def n_beams(self) -> int:
        """Beams that may be the strongest of a layer."""
        polarisations, rows, columns = (len(grid) for grid in self._grids)
        return polarisations * rows * columns

    @property
    def bits(self) -> int:
        """Bits that say which beams are strongest, of all layers together."""
        return (self.n_beams**self.n_layers - 1).bit_length() if self.align else 0

    def matrices(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Eigenvectors to matrices, and the number of their strongest beams, ``[batch]``, int64.

        Args:
            vectors: ``[batch, n_layers, n_subbands, n_tx]``, complex, of any phase in each subband.
        """
        beams = self._strongest(vectors) if self.align else vectors.new_zeros(vectors.shape[:2], dtype=torch.int64)
        matrices = self.form.coefficients(self._turned(vectors, beams)) / math.sqrt(self.shape[0])
        place = self.n_beams ** torch.arange(self.n_layers, device=vectors.device)
        return matrices.flatten(1, 2).flatten(2), (beams * place).sum(1)

    def vectors(self, matrices: Tensor, alignment: Tensor) -> Tensor:
        """Matrices, of any norm, to vectors of unit norm ``[batch, n_layers, n_subbands, n_tx]``.

        Args:
            matrices: ``[batch, n_layers n_subbands, n_tx]``, complex.
            alignment: number of their strongest beams, ``[batch]``, int64; any number means some.
        """
        beams = self._layer_beams(alignment)
        return unit_vectors(self._turned(self.form.vectors(self._by_layer(matrices)), beams, back=True))

    def turned(self, vectors: Tensor, alignment: Tensor) -> Tensor:
        """Vectors ``[batch, n_layers, n_subbands, n_tx]`` as ports of the array that is turned as matrices say.

        Args:
            vectors: of unit norm.
            alignment: numbers of the strongest beams of some matrices, ``[batch]``, int64.
        """
        return self._turned(vectors, self._layer_beams(alignment))

    def subbands(self, matrices: Tensor) -> Tensor:
        """Matrices to ports of the turned array in each subband, ``[batch, n_layers, n_subbands, n_tx]``.

        Inner products of these are those of the vectors that the matrices stand for.
        """
        return self.form.vectors(self._by_layer(matrices))

    def _layer_beams(self, alignment: Tensor) -> Tensor:
        """Number of the strongest beam of each layer, ``[batch, n_layers]``."""
        place = self.n_beams ** torch.arange(self.n_layers, device=alignment.device)
        return alignment[:, None] // place % self.n_beams

    def _by_layer(self, matrices: Tensor) -> Tensor:
        return matrices.unflatten(2, self.form.panel).unflatten(1, (self.n_layers, self.form.n_subbands))

    @cached_property
    def _grids(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the first beam may look: polarisations, and beams along rows and columns ``[beams, ports]``."""
        return torch.eye(self.form.n_polarizations), _beam_grid(self.form.n_rows), _beam_grid(self.form.n_columns)

    def _strongest(self, vectors: Tensor) -> Tensor:
        """Number of the strongest beam of each layer, ``[batch, n_layers]``."""
        rows, columns = (grid.to(vectors).conj() for grid in self._grids[1:])
        beams = rows @ vectors.unflatten(-1, self.form.panel) @ columns.T
        energy = beams.abs().square().sum(-4).flatten(2)
        # The first of those that rounding may not tell apart.
        return (energy >= energy.amax(-1, keepdim=True) * (1 - _TIE)).to(torch.int8).argmax(-1)

    def _turned(self, vectors: Tensor, beams: Tensor, back: bool = False) -> Tensor:
        """Vectors of an array that is turned so that a beam is the first, or of one that is turned back."""
        _, rows, columns = (grid.to(vectors) for grid in self._grids)
        row, column = beams // len(columns) % len(rows), beams % len(columns)
        ramps = rows[row][..., :, None] * columns[column][..., None, :]
        ports = vectors.unflatten(-1, self.form.panel) * (ramps if back else ramps.conj())[:, :, None, None]
        first = beams // (len(rows) * len(columns))
        order = torch.arange(self.form.n_polarizations, device=vectors.device)
        places = (order + (-first if back else first)[..., None]) % self.form.n_polarizations
        index = places[:, :, None, :, None, None].expand(ports.shape)
        return ports.gather(3, index).flatten(-3)


def unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last axis to unit norm; the first port stands for those of no norm, and for NaN."""
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    usable = (norm > 0) & norm.isfinite()
    first = torch.zeros_like(vectors)
    first[..., 0] = 1
    return torch.where(usable, vectors / torch.where(usable, norm, 1), first)


def orthogonal_layers(vectors: Tensor) -> Tensor:
    """Vectors ``[batch, n_layers, n_subbands, n_tx]`` to unit norm, each orthogonal to those of the layers before.

    Where nothing is left, or nothing was there, the first port stands for a vector, orthogonal or not.
    """
    layers: list[Tensor] = []
    for vector in vectors.unbind(1):
        left = unit_vectors(vector)
        for before in layers:
            left = left - before * (before.conj() * left).sum(-1, keepdim=True)
        # Rounding of what was parallel is no direction.
        norm = torch.linalg.vector_norm(left, dim=-1, keepdim=True)
        layers.append(unit_vectors(torch.where(norm > 1e-6, left, 0)))
    return torch.stack(layers, dim=1)


def _beam_grid(ports: int) -> Tensor:
    """Beams of an axis, 4 per port and one for a single port, ``[beams, ports]``, complex64, moduli 1."""
    count = OVERSAMPLING * ports if ports > 1 else 1
    angle = 2 * math.pi * torch.arange(count, dtype=torch.float64)[:, None] * torch.arange(ports) / count
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
