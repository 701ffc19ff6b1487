"""Type I single-panel codebook, TS 38.214 clause 5.2.2.2.1: what a report holds and the precoder it stands for."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from feedback.codebooks.layout import PortLayout, bits_for
from feedback.errors import FeedbackInputError

# From this many ports, ranks 3 and 4 are built of beams over half of the first dimension.
_HALF_BEAM_PORTS = 16
_N_ANGLES = 4


@dataclass(frozen=True)
class Type1Plan:
    """Sizes of a report, which both sides know.

    Attributes:
        layout: the ports.
        n_subbands: subbands with a precoder each; 1 for a wideband report.
        rank: layers, 1 to 4.
        mode: ``codebookMode``, 1 or 2: the beam is wideband, or chosen from a group of four in each subband.

    Raises:
        FeedbackInputError: where the standard allows no such report.
    """

    layout: PortLayout
    n_subbands: int
    rank: int = 1
    mode: int = 1

    def __post_init__(self) -> None:
        if self.mode not in (1, 2):
            raise FeedbackInputError(f"mode: got {self.mode}, expected 1 or 2 (TS 38.214, codebookMode)")
        most = min(4, self.layout.ports)
        if not 1 <= self.rank <= most:
            raise FeedbackInputError(f"rank: got {self.rank} with {self.layout.ports} ports, expected 1 to {most}")
        if self.layout.ports == 2 and self.mode == 2:
            raise FeedbackInputError("mode: got 2 with 2 ports, expected 1")

    @property
    def half_beams(self) -> bool:
        """Whether columns are built of beams over half of the first dimension."""
        return self.rank > 2 and self.layout.ports >= _HALF_BEAM_PORTS

    @property
    def grouped(self) -> bool:
        """Whether the beam is chosen from a group in each subband."""
        return self.mode == 2 and self.rank <= 2

    @property
    def n_first(self) -> int:
        """Values of i11."""
        return self.layout.n1 * self.layout.o1 // (2 if self.half_beams or self.grouped else 1)

    @property
    def n_second(self) -> int:
        """Values of i12."""
        steps = self.layout.n2 * self.layout.o2
        return steps // 2 if self.grouped and steps > 1 else steps

    @cached_property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Distances (k1, k2) from the first beam to the second, by i13; for half beams i13 is an angle instead."""
        if self.half_beams:
            return ((0, 0),) * _N_ANGLES
        n1, n2, o1, o2 = self.layout.n1, self.layout.n2, self.layout.o1, self.layout.o2
        if self.rank == 1 or self.layout.ports == 2:
            return ((0, 0),)
        if self.rank == 2:
            if n2 > 1:
                return ((0, 0), (o1, 0), (0, o2), (o1, o2) if n1 == n2 else (2 * o1, 0))
            return ((0, 0), (o1, 0)) if n1 == 2 else ((0, 0), (o1, 0), (2 * o1, 0), (3 * o1, 0))
        if n2 > 1:
            two_dimensional = ((o1, 0), (0, o2), (o1, o2))
            return two_dimensional if n1 == 2 else (*two_dimensional, (2 * o1, 0))
        return tuple((k * o1, 0) for k in range(1, min(n1, 5)))

    @property
    def n_cophases(self) -> int:
        """Values of n."""
        return 4 if self.rank == 1 else 2

    @property
    def field_bits(self) -> tuple[int, int, int, int]:
        """Bits of i11, i12, i13, and i2 (of each subband)."""
        offset_bits = bits_for(len(self.offsets))
        group = 2 if self.grouped else 0
        return bits_for(self.n_first), bits_for(self.n_second), offset_bits, bits_for(self.n_cophases) + group

    @property
    def bits(self) -> int:
        """Bits of the whole report."""
        first, second, offset, each = self.field_bits
        return first + second + offset + each * self.n_subbands


@dataclass(frozen=True)
class Type1Report:
    """The integers of a report, batch first.

    Attributes:
        first: i11, ``[batch]``.
        second: i12, ``[batch]``.
        offset: i13, ``[batch]``.
        subband: i2, ``[batch, subbands]``.
    """

    first: Tensor
    second: Tensor
    offset: Tensor
    subband: Tensor


def columns(plan: Type1Plan) -> tuple[list[int], Tensor]:
    r"""How the columns are built of blocks: which beam each takes, and the factor of each block.

    A column is :math:`[z_1 b; z_2 b; \dots]` over the blocks of ports, with its beam :math:`b`: two polarisations, or
    four halves where the beams are half as long.

    Returns:
        Beam of each column, 0 for the first and 1 for the second; factors ``[i13, n, rank, blocks]``, complex128, in
        which i13 matters for half beams only.
    """
    cophase = torch.exp(1j * math.pi / 2 * torch.arange(plan.n_cophases, dtype=torch.float64))
    if plan.half_beams:
        theta = torch.exp(1j * math.pi / 4 * torch.arange(_N_ANGLES, dtype=torch.float64))[:, None].expand(-1, 2)
        phi = cophase.expand(_N_ANGLES, -1)
        signs = ((1, 1), (-1, 1), (1, -1), (-1, -1))[: plan.rank]
        factors = [
            torch.stack([torch.ones_like(phi), s * theta, q * phi, s * q * theta * phi], dim=-1) for s, q in signs
        ]
        return [0] * plan.rank, torch.stack(factors, dim=2)
    built = {
        1: ((0, 1),),
        2: ((0, 1), (1, -1)),
        3: ((0, 1), (1, 1), (0, -1)),
        4: ((0, 1), (1, 1), (0, -1), (1, -1)),
    }[plan.rank]
    factors = [torch.stack([torch.ones_like(cophase), sign * cophase], dim=-1) for _, sign in built]
    return [beam for beam, _ in built], torch.stack(factors, dim=1)[None].expand(len(plan.offsets), -1, -1, -1)


def beam_grid(plan: Type1Plan) -> Tensor:
    """Beams of the columns, ``[l, m, block length]``, complex128."""
    return plan.layout.half_beams() if plan.half_beams else plan.layout.beams()


def beams_of(plan: Type1Plan, report: Type1Report) -> tuple[Tensor, Tensor]:
    """Grid indices (l, m) of the first beam in each subband, ``[batch, subbands]`` each."""
    first, second = report.first[:, None], report.second[:, None]
    if not plan.grouped:
        return first.expand_as(report.subband), second.expand_as(report.subband)
    group = report.subband // plan.n_cophases
    if plan.layout.n2 == 1:
        return 2 * first + group, torch.zeros_like(group)
    return 2 * first + group % 2, 2 * second + group // 2


def precoder(plan: Type1Plan, report: Type1Report) -> Tensor:
    r"""The precoder that a report stands for, ``[batch, subbands, P, rank]``, complex128; :math:`W^H W = I / \nu`."""
    device = report.subband.device
    grid = beam_grid(plan).to(device)
    which, factors = columns(plan)
    first, second = beams_of(plan, report)
    offsets = torch.tensor(plan.offsets, device=device)[report.offset]
    chosen = factors.to(device)[report.offset[:, None], report.subband % plan.n_cophases]
    built = []
    for column, beam in enumerate(which):
        shift = offsets * beam
        vector = grid[(first + shift[:, None, 0]) % grid.shape[0], (second + shift[:, None, 1]) % grid.shape[1]]
        built.append((chosen[:, :, column, :, None] * vector[:, :, None, :]).flatten(2))
    return torch.stack(built, dim=-1) / math.sqrt(plan.rank * plan.layout.ports)
