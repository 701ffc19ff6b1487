"""Type I single-panel codebook, TS 38.214 clause 5.2.2.2.1: what a report holds and the precoder it stands for."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from feedback.codebooks.type1_plan import N_ANGLES, Type1Plan


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
        theta = torch.exp(1j * math.pi / 4 * torch.arange(N_ANGLES, dtype=torch.float64))[:, None].expand(-1, 2)
        phi = cophase.expand(N_ANGLES, -1)
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
