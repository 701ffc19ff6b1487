"""Eigenvectors of subbands as beams and delays: few of them hold most of the energy.

The phase of an eigenvector is arbitrary in every subband, and so is the direction that the first beam of a DFT looks
at. Both are chosen so that the energy lies together.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from feedback.context_codec.rotation import axis_rotations, panel_rotations
from feedback.errors import FeedbackInputError
from feedback.observation import CsiDimensions

# How often the phases of compact coefficients follow the strong ones.
ALIGNMENTS = 8
# Energy, relative to the mean, at which a coefficient counts half among the strong ones.
_STRONG = 4.0


@dataclass(frozen=True)
class BeamDelay:
    r"""Eigenvectors ``[..., n_subbands, n_tx]`` to coefficients ``[..., delay, polarisation, row, column]``, and back.

    .. math:: X_{d,p} = \frac{1}{\sqrt T} \sum_t e^{-j 2 \pi t d / T} \, e^{-j \phi_t} \, F_r D_r V_{t,p} D_c F_c

    with ``V`` the ports of one polarisation as rows and columns, unitary DFT matrices ``F`` along both, and phase ramps
    ``D`` that move the beams by eighths of a bin. The delays ``d`` are in the order 0, 1, -1, 2, -2, ...: eigenvectors
    are conjugate to the channel, so that later paths lie at positive ones. The phases at first make the strongest beam
    real in every subband, which puts it at delay 0; then, as often as is asked for, those of each subband become the
    ones of what the strong coefficients make of it,

    .. math:: \hat X = \frac{|X|^2}{|X|^2 + 4 \, \overline{|X|^2}} \, X

    Attributes:
        n_subbands: subbands, and delays, T.
        n_polarizations: polarisations of the BS's array.
        n_rows: ports along its vertical.
        n_columns: ports along its horizontal; ports are in the order polarisation, row, column, columns fastest.

    Raises:
        FeedbackInputError: if one of them is below 1.

    Example:
        >>> form = BeamDelay(n_subbands=3, n_polarizations=1, n_rows=1, n_columns=2)
        >>> vectors = torch.full((3, 2), 0.5**0.5, dtype=torch.complex64)
        >>> form.coefficients(vectors).abs().square().round().flatten().tolist()
        [3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    n_subbands: int
    n_polarizations: int = 1
    n_rows: int = 1
    n_columns: int = 1

    def __post_init__(self) -> None:
        if min(self.n_subbands, *self.panel) < 1:
            sizes = (self.n_subbands, *self.panel)
            raise FeedbackInputError(f"subbands, polarisations, rows, columns: got {sizes}, expected 1 or more of each")

    @classmethod
    def of(cls, dimensions: CsiDimensions) -> Self:
        """That of a channel's subbands and ports."""
        known = dimensions
        return cls(known.n_subbands, known.n_polarizations, known.n_rows, known.n_columns)

    @property
    def panel(self) -> tuple[int, int, int]:
        """Polarisations, rows and columns."""
        return self.n_polarizations, self.n_rows, self.n_columns

    @property
    def delays(self) -> list[int]:
        """Delays in the order of the coefficients: 0, 1, -1, 2, -2, ..."""
        return [(-1) ** (place + 1) * ((place + 1) // 2) for place in range(self.n_subbands)]

    @property
    def n_rotations(self) -> int:
        """Rotations of the beams that there are to choose from: 8 along each axis of more than one port."""
        return panel_rotations(self.n_rows, self.n_columns)

    def coefficients(self, vectors: Tensor, rotation: Tensor | None = None, alignments: int = 0) -> Tensor:
        """Eigenvectors to coefficients of the same norm, phases chosen.

        Args:
            vectors: ``[..., n_subbands, n_tx]``, complex, of any phase in each subband.
            rotation: numbers of the rotations of the beams, ``[...]``, int64; by default none is rotated.
            alignments: how often the phases follow the strong coefficients.

        Returns:
            ``[..., n_subbands, n_polarizations, n_rows, n_columns]``, delays first.
        """
        beams = self._phased(self._beams_of(vectors, rotation))
        for _ in range(alignments):
            by_delay = _by_delay(beams)
            power = _squared(by_delay)
            least = _STRONG * power.mean((-4, -3, -2, -1), keepdim=True)
            strong = by_delay * (power / torch.where(least > 0, power + least, 1))
            beams = _in_phase(beams, _by_subband(strong))
        return self._delays_of(beams)

    def aligned(self, vectors: Tensor, rotation: Tensor, known: Tensor) -> Tensor:
        """Coefficients under a given rotation, the phase of each subband chosen for little difference from known ones.

        Args:
            vectors: ``[..., n_subbands, n_tx]``.
            rotation: numbers of the rotations of the beams, ``[...]``, int64.
            known: coefficients of other vectors under the same rotations.
        """
        return self._delays_of(_in_phase(self._beams_of(vectors, rotation), self._beams_at(known)))

    def compact(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients whose energy lies in few: under the best rotation, with phases that follow the strong ones.

        Args:
            vectors: ``[..., n_subbands, n_tx]``.

        Returns:
            The coefficients, as ``coefficients`` has them, and the rotation, ``[...]``, int64.
        """
        rotation = self.best_rotation(vectors)
        return self.coefficients(vectors, rotation, ALIGNMENTS), rotation

    def vectors(self, coefficients: Tensor, rotation: Tensor | None = None) -> Tensor:
        """Coefficients back to vectors ``[..., n_subbands, n_tx]``: the eigenvectors, up to the phase of each subband.

        Args:
            coefficients: of ``coefficients``, or others of their shape.
            rotation: the same as there.
        """
        ports = torch.fft.ifft2(self._beams_at(coefficients), norm="ortho")
        if rotation is not None:
            ports = ports * self._ramps(ports)[rotation][..., None, None, :, :].conj()
        return ports.flatten(-3)

    def best_rotation(self, vectors: Tensor) -> Tensor:
        """The rotation whose coefficients, under the first phases, have a small sum of moduli, ``[...]``, int64.

        First the one along the columns is chosen, then that along the rows.

        Args:
            vectors: ``[..., n_subbands, n_tx]``.
        """
        best = torch.zeros(vectors.shape[:-2], dtype=torch.int64, device=vectors.device)
        along_columns = axis_rotations(self.n_columns)
        for count, unit in ((along_columns, 1), (axis_rotations(self.n_rows), along_columns)):
            sums = []
            for number in range(count):
                beams = self._phased(self._beams_of(vectors, best + number * unit))
                sums.append(_squared(_by_delay(beams)).sqrt_().sum((-4, -3, -2, -1)))
            best = best + unit * torch.stack(sums, dim=-1).argmin(-1)
        return best

    def _phased(self, beams: Tensor) -> Tensor:
        """Beams ``[..., n_subbands, *panel]``, in each subband the strongest one of the whole band made real."""
        flat = beams.flatten(-3)
        strongest = _squared(flat).sum(-2, keepdim=True).argmax(-1, keepdim=True)
        reference = flat.gather(-1, strongest.expand(*flat.shape[:-1], 1))
        return (flat * _turns_back(reference)).view(beams.shape)

    def _beams_of(self, vectors: Tensor, rotation: Tensor | None) -> Tensor:
        ports = vectors.unflatten(-1, self.panel)
        if rotation is not None:
            ports = ports * self._ramps(ports)[rotation][..., None, None, :, :]
        return torch.fft.fft2(ports, norm="ortho")

    def _delays_of(self, beams: Tensor) -> Tensor:
        order = torch.tensor(self.delays, device=beams.device) % self.n_subbands
        return _by_delay(beams)[..., order, :, :, :]

    def _beams_at(self, coefficients: Tensor) -> Tensor:
        """Coefficients back to the beams of every subband."""
        order = torch.tensor(self.delays, device=coefficients.device) % self.n_subbands
        by_delay = torch.empty_like(coefficients)
        by_delay[..., order, :, :, :] = coefficients
        return _by_subband(by_delay)

    def _ramps(self, like: Tensor) -> Tensor:
        """Phase ramps over rows and columns by the number of the rotation, ``[n_rotations, n_rows, n_columns]``."""
        along_rows, along_columns = (_axis_ramps(ports, like) for ports in (self.n_rows, self.n_columns))
        return (along_rows[:, None, :, None] * along_columns[None, :, None, :]).flatten(0, 1)


def _by_delay(beams: Tensor) -> Tensor:
    """Beams of every subband ``[..., n_subbands, *panel]`` to the delays 0, 1, ..., -2, -1."""
    return torch.fft.fft(beams, dim=-4, norm="ortho")


def _by_subband(by_delay: Tensor) -> Tensor:
    return torch.fft.ifft(by_delay, dim=-4, norm="ortho")


def _in_phase(beams: Tensor, reference: Tensor) -> Tensor:
    """Beams whose inner product with those of a reference is real and positive in every subband."""
    return beams * _turns_back((reference.conj() * beams).sum((-3, -2, -1), keepdim=True))


def _squared(values: Tensor) -> Tensor:
    """Squared moduli: as PyTorch computes a modulus, without overflow, it takes ten times as long."""
    return torch.addcmul(values.real.square(), values.imag, values.imag)


def _turns_back(values: Tensor) -> Tensor:
    """Factors of modulus 1 that make values real and positive; 1 where there is next to nothing to turn."""
    squared = _squared(values)
    return torch.where(squared >= torch.finfo(squared.dtype).tiny, values.conj() * squared.rsqrt(), 1)


def _axis_ramps(ports: int, like: Tensor) -> Tensor:
    """Ramps that move the beams of an axis by 0, 1/8, ..., 7/8 of a bin, centred, ``[rotations, ports]``."""
    count = axis_rotations(ports)
    share = torch.arange(count, dtype=torch.float64)[:, None] / count
    angle = 2 * math.pi * share * (torch.arange(ports) - (ports - 1) / 2) / ports
    return torch.polar(torch.ones_like(angle), angle).to(like)
